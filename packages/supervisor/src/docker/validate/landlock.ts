import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { LANDLOCK_ANNOTATION, parseLandlock } from '@gantry/oci/landlock';
import { invalidArgument } from '@gantry/rpc';
import { parseSecurityOptions } from '@gantry/spec';

/** The Landlock rules that a container asks for, by option or by annotation; empty: none. Throws invalidArgument for security options that are none, too. */
export function landlockOf({ SecurityOpt, Annotations }: Pick<HostConfig, 'SecurityOpt' | 'Annotations'>): string {
  const { landlock } = parseSecurityOptions(SecurityOpt);
  const annotated = Annotations[LANDLOCK_ANNOTATION];
  if (annotated === undefined) return landlock;
  if (landlock !== '')
    throw invalidArgument(`annotation ${LANDLOCK_ANNOTATION} and --security-opt landlock=${landlock}: one of them must be left out`);
  parseLandlock(annotated);
  return annotated;
}

/** Another program would run the container without. */
export function checkLandlock(host: Pick<HostConfig, 'SecurityOpt' | 'Annotations' | 'Runtime'>, driver: string): void {
  if (driver !== 'native' && landlockOf(host) !== '')
    throw invalidArgument(`runtime ${host.Runtime ?? ''} does not know Landlock: leave landlock out`);
}
