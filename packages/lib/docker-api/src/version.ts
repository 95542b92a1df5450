import { invalidArgument } from '@gantry/rpc';

/** An Engine API version such as 1.50, compared part by part as numbers. */
export interface ApiVersion {
  readonly text: string;
  /** True when this version is `other` or newer. */
  atLeast(other: string): boolean;
}

/** Oldest version a client may ask for; dockerd's own default. */
export const MIN_API_VERSION = '1.40';
/** Newest version whose answers are honoured field by field. */
export const MAX_API_VERSION = '1.51';

export function apiVersion(text: string): ApiVersion {
  return { text, atLeast: (other) => compareVersions(text, other) >= 0 };
}

/** Negative, zero or positive, as for sorting. A missing part counts as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The version of a request path; no prefix means the newest. Errors: invalidArgument with dockerd's texts, which clients show as they are. */
export function negotiate(prefix: string | undefined): ApiVersion {
  if (prefix === undefined) return apiVersion(MAX_API_VERSION);
  if (compareVersions(prefix, MIN_API_VERSION) < 0) {
    throw invalidArgument(
      `client version ${prefix} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  }
  if (compareVersions(prefix, MAX_API_VERSION) > 0) {
    throw invalidArgument(`client version ${prefix} is too new. Maximum supported API version is ${MAX_API_VERSION}`);
  }
  return apiVersion(prefix);
}
