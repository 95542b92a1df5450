import { closeSync, openSync, statSync } from 'node:fs';
import { notImplemented } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';

/** Namespaces that are somebody else's: the images only name them by these keys, and what is restored joins the one that config.json names. */
const keys: Readonly<Record<string, readonly [kind: string, key: string]>> = {
  network: ['net', 'extRootNetNS'],
  pid: ['pid', 'extRootPidNS'],
};

/** Namespaces whose content criu writes with the rest; what is restored joins the one that config.json names instead of that content's copy. */
const copied: Readonly<Record<string, string>> = { ipc: 'ipc', uts: 'uts' };

interface Joined {
  readonly kind: string;
  readonly key: string;
  readonly path: string;
}

/** Those that config.json joins by path; notImplemented for a kind that criu cannot leave out. */
export function joinedNamespaces(spec: Spec): Joined[] {
  return (spec.linux?.namespaces ?? []).flatMap(({ type, path }) => {
    if (!path || Object.hasOwn(copied, type)) return [];
    const [kind, key] = keys[type] ?? [];
    if (kind === undefined || key === undefined)
      throw notImplemented(`checkpoint and restore of a container that joins a namespace by path (${type}) are not supported`);
    return [{ kind, key, path }];
  });
}

/** For a restore: kinds and paths of what criu shall enter itself. */
export function enteredNamespaces(spec: Spec): (readonly [kind: string, path: string])[] {
  return (spec.linux?.namespaces ?? []).flatMap(({ type, path }) => {
    const kind = copied[type];
    return path && kind !== undefined ? [[kind, path] as const] : [];
  });
}

/** For a dump: which namespace is not to be looked into. It is the one that the process is in: what had the path may have left it. */
export function externalNamespaces(spec: Spec, pid: number): string[] {
  return joinedNamespaces(spec).map(({ kind, key }) => `${kind}[${statSync(`/proc/${pid}/ns/${kind}`).ino}]:${key}`);
}

/** For a restore: the namespaces themselves, open while body runs. */
export async function withNamespaces<T>(
  spec: Spec,
  body: (keys: readonly string[], descriptors: readonly number[]) => Promise<T>,
): Promise<T> {
  const joined = joinedNamespaces(spec);
  const descriptors: number[] = [];
  try {
    for (const { path } of joined) descriptors.push(openSync(path, 'r'));
    return await body(
      joined.map(({ key }) => key),
      descriptors,
    );
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}
