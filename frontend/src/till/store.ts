/** What the till keeps one of: who it is, what it trusts, its clock, the one request whose outcome is not known yet. */

import { onDisk, STRICT, type Kept, type Terminal } from "./shelf";

export async function kept<N extends keyof Kept>(name: N): Promise<Kept[N] | undefined> {
  return onDisk(async (db) => (await db.get("kept", name)) as Kept[N] | undefined);
}

export async function keep<N extends keyof Kept>(name: N, value: Kept[N]): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction("kept", "readwrite", STRICT);
    await Promise.all([change.store.put(value, name), change.done]);
  });
}

export async function forget(name: keyof Kept): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction("kept", "readwrite", STRICT);
    await Promise.all([change.store.delete(name), change.done]);
  });
}

/** Which chain a terminal's sales belong to. */
export function chainOf(terminal: Pick<Terminal, "merchantCode" | "code">): string {
  return `${terminal.merchantCode}/${terminal.code}`;
}
