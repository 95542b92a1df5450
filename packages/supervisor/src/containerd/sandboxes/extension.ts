import { packJson } from '@gantry/api';
import type { Sandbox } from '@gantry/api/containerd/types/types';

/** What Controller.Create was told and Start needs: kept in the record, so that a restart between the two loses nothing. */
export interface Prepared {
  readonly netnsPath: string;
}

const KEY = 'gantry.io/sandbox.controller';

/** Undefined: Controller.Create has not been called. */
export function preparedOf({ extensions }: Sandbox): Prepared | undefined {
  const kept = extensions[KEY];
  return kept === undefined ? undefined : (JSON.parse(kept.value.toString()) as Prepared);
}

export function withPrepared(sandbox: Sandbox, prepared: Prepared): Sandbox {
  return { ...sandbox, extensions: { ...sandbox.extensions, [KEY]: packJson(KEY, prepared) } };
}

/** A record as a client changed it, with what is ours as it was. */
export function keepPrepared(changed: Sandbox, before: Sandbox): Sandbox {
  const { [KEY]: _clients, ...extensions } = changed.extensions;
  const ours = before.extensions[KEY];
  return { ...changed, extensions: ours === undefined ? extensions : { ...extensions, [KEY]: ours } };
}
