import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

/**
 * Two apps, two builds: `--mode wallet` and `--mode till`. Each is installable by itself, so each has its own service
 * worker, which must not hold the other's files. `--mode scan` is the officer's camera: a page of the console that
 * needs the network anyway, so it has no worker. The pages themselves are Jinja templates of cardnet/web.
 */
export default defineConfig(({ mode }) => {
  if (mode !== "wallet" && mode !== "till" && mode !== "scan") throw new Error("vite build --mode wallet | till | scan");
  return {
    base: `/static/dist/${mode}/`,
    publicDir: false,
    build: {
      outDir: `../cardnet/web/static/dist/${mode}`,
      emptyOutDir: true,
      manifest: "manifest.json",
      target: ["chrome109", "safari16"],
      // The scanner's wasm must stay a file: the CSP allows no data: address to be fetched.
      assetsInlineLimit: 0,
      rollupOptions: { input: `src/${mode}/main.ts` },
    },
    plugins: mode === "scan" ? [] : [
      VitePWA({
        strategies: "injectManifest",
        srcDir: "src/sw",
        filename: "sw.ts",
        // The web manifest is a page of ours too, so that its words are translated; the page registers the worker.
        manifest: false,
        injectRegister: false,
        injectManifest: {
          globPatterns: ["assets/**/*.{js,css,wasm}"],
          // The worker lies at /wallet/sw.js or /till/sw.js, the files do not.
          modifyURLPrefix: { "assets/": `/static/dist/${mode}/assets/` },
          maximumFileSizeToCacheInBytes: 4_000_000,
        },
      }),
    ],
  };
});
