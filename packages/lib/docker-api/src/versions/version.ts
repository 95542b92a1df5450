import { invalidArgument } from '@gantry/rpc';

/** An Engine API version such as 1.50, compared part by part as numbers. */
export interface ApiVersion {
  readonly text: string;
  /** True when this version is `other` or newer. */
  atLeast(other: string): boolean;
  /** True within bounds: `1.43-` from that version on, `-1.52` before that one. */
  within(bounds: string): boolean;
}

/** Oldest version that can be answered; dockerd's own default. A configuration may raise it. */
export const MIN_API_VERSION = '1.24';
/** Newest version whose answers are honoured field by field. */
export const MAX_API_VERSION = '1.55';

export function apiVersion(text: string): ApiVersion {
  const atLeast = (other: string): boolean => compareVersions(text, other) >= 0;
  const lies = (bounds: string): boolean => {
    const [from = '', until = ''] = bounds.split('-');
    return (from === '' || atLeast(from)) && (until === '' || !atLeast(until));
  };
  // Each row of a list asks for the same few bounds.
  const known = new Map<string, boolean>();
  return {
    text,
    atLeast,
    within(bounds) {
      let answer = known.get(bounds);
      if (answer === undefined) known.set(bounds, (answer = lies(bounds)));
      return answer;
    },
  };
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

/**
 * The version of a request path; no prefix means the newest. `oldest` is what the configuration lets in. Errors: invalidArgument with dockerd's texts, which
 * clients show as they are.
 */
export function negotiate(prefix: string | undefined, oldest: string = MIN_API_VERSION): ApiVersion {
  if (prefix === undefined) return apiVersion(MAX_API_VERSION);
  if (compareVersions(prefix, oldest) < 0) {
    throw invalidArgument(
      `client version ${prefix} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`,
    );
  }
  if (compareVersions(prefix, MAX_API_VERSION) > 0) {
    throw invalidArgument(`client version ${prefix} is too new. Maximum supported API version is ${MAX_API_VERSION}`);
  }
  return apiVersion(prefix);
}

/** Errors: invalidArgument in dockerd's words for DOCKER_MIN_API_VERSION when no client could be served so. */
export function checkMinVersion(version: string, name: string): void {
  const fail = (why: string): never => {
    throw invalidArgument(`invalid ${name}: ${why}`);
  };
  if (version === '') fail('value is empty');
  if (/^v/i.test(version)) fail('API version must be provided without "v" prefix');
  if (!/^[0-9]+(\.[0-9]+)*$/.test(version)) fail(`not an API version: ${version}`);
  if (compareVersions(version, MIN_API_VERSION) < 0) fail(`minimum supported API version is ${MIN_API_VERSION}: ${version}`);
  if (compareVersions(version, MAX_API_VERSION) > 0) fail(`maximum supported API version is ${MAX_API_VERSION}: ${version}`);
}
