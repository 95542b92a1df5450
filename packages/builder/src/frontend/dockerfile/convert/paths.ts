import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc';

/** A path as the platform's system writes it, with slashes and without a drive. Errors: invalidArgument. */
export function withoutDrive(path: string, os: string, keepSlash: boolean): string {
  if (os !== 'windows') return path;
  const slashes = path.replaceAll('\\', '/');
  if (/^.:$/s.test(path)) throw invalidArgument(`No relative path specified in "${path}"`);
  if (slashes.startsWith('//')) throw invalidArgument('UNC paths are not supported');
  const colon = slashes.indexOf(':');
  if (colon >= 0 && slashes.slice(0, colon).toLowerCase() !== 'c')
    throw invalidArgument('The specified path is not on the system drive (C:)');
  const rest = slashes.slice(colon + 1);
  const clean = withoutLastSlash(posix.normalize(rest));
  return keepSlash && clean.length > 1 && rest.endsWith('/') ? `${clean}/` : clean;
}

export function isAbsolute(path: string, os: string): boolean {
  try {
    return posix.isAbsolute(withoutDrive(path, os, false));
  } catch {
    return false;
  }
}

/** An absolute path, from a relative one and the folder it is relative to; an absolute one is not cleaned. */
export function normalizePath(parent: string, path: string, os: string, keepSlash: boolean): string {
  const given = os === 'windows' ? path.replaceAll('\\', '/') : path;
  const from = posix.join('/', withoutDrive(parent === '' ? '/' : parent, os, keepSlash));
  let found = withoutDrive(given === '' ? from : given, os, keepSlash);
  if (!posix.isAbsolute(found)) found = withoutLastSlash(posix.join(from, found));
  if (!keepSlash) return found;
  if (given.endsWith('/') && !found.endsWith('/')) return `${found}/`;
  if (given.endsWith('/.')) return `${found === '/' ? '' : found}/.`;
  return found;
}

/** A working directory, in the system's own spelling. */
export function normalizeWorkdir(current: string, path: string, os: string): string {
  const found = normalizePath(current, path, os, false);
  return os === 'windows' ? found.replaceAll('/', '\\') : found;
}

/** How a path is written into a file action: absolute and clean; a slash or `/.` at the end has a meaning and stays. */
export function actionPath(path: string, keepSlash: boolean): string {
  const clean = withoutLastSlash(posix.join('/', path));
  if (!keepSlash) return clean;
  if (path.endsWith('/') && !clean.endsWith('/')) return `${clean}/`;
  if (path.endsWith('/.')) return `${clean === '/' ? '' : clean}/.`;
  return clean;
}

/** A path used of a context or a stage, as it is noted down. */
export const usedPath = (path: string): string => withoutLastSlash(posix.join('/', path));

/** Paths relative to their root, sorted; none where all of it is used. */
export function usedPaths(paths: Iterable<string>): string[] {
  const all = new Set(paths);
  return all.has('/') ? [] : [...all].map((path) => path.slice(1)).toSorted();
}

const withoutLastSlash = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
