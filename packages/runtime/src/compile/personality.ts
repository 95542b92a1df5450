import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';

/** personality(2) of the container, also for what is executed in it later. */
export function compilePersonality(spec: Spec): Operation[] {
  const domain = spec.linux?.personality?.domain;
  if (!domain) return [];
  if (domain !== 'LINUX' && domain !== 'LINUX32')
    throw invalidArgument(`config.json: linux.personality.domain "${String(domain)}" is unknown`);
  return [['PERSONALITY', domain === 'LINUX32' ? 8 : 0]];
}
