/** Versions of the CNI specification that are spoken, the newest last. */
export const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof VERSIONS)[number];

export const isVersion = (text: unknown): text is CniVersion => VERSIONS.some((each) => each === text);

export const isAtLeast = (version: CniVersion, least: CniVersion): boolean => VERSIONS.indexOf(version) >= VERSIONS.indexOf(least);

/** The newest of a configuration's versions that is spoken; a configuration without one is of 0.1.0. Undefined: none is. */
export function chooseVersion(version: unknown, versions: readonly unknown[]): CniVersion | undefined {
  const offered = [version, ...versions].filter((each) => each !== undefined && each !== '');
  if (offered.length === 0) return '0.1.0';
  return VERSIONS.findLast((each) => offered.includes(each));
}
