/**
 * The service worker of one app, wallet or till: it holds the page and its files, so that the app opens without a
 * network, and nothing else. Answers of the API never pass through it.
 *
 * cardnet/web/offline.py serves this file with one line before it, `self.cardnetShell = …`: the address of the page,
 * its stylesheets and icons with their fingerprints. So a changed template makes a new worker, and a worker installs
 * the page and its scripts together or not at all.
 */

import { clientsClaim } from "workbox-core";
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute, type PrecacheEntry } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope & {
  __WB_MANIFEST: (PrecacheEntry | string)[];
  cardnetShell: { page: string; files: PrecacheEntry[] };
};

const { page, files } = self.cardnetShell;

precacheAndRoute([...self.__WB_MANIFEST, ...files]);
cleanupOutdatedCaches();
registerRoute(
  new NavigationRoute(createHandlerBoundToURL(page), { allowlist: [new RegExp(`^${page}/?$`)] }),
);
void self.skipWaiting();
clientsClaim();
