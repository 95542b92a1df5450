import { join } from 'node:path';
import { shortSocketPath } from '@gantry/rpc';
import type { Core } from './core';

type Root<Name extends keyof Core['settings']> = { readonly settings: Pick<Core['settings'], Name> };

/** Durable directory of a container. */
export function containerDir({ settings }: Root<'dataRoot'>, id: string): string {
  return join(settings.dataRoot, 'containers', id);
}

/** Directory with config.json, handed to the shim. */
export function bundleDir({ settings, face }: Root<'runRoot'> & { readonly face: { readonly namespace: string } }, id: string): string {
  return join(settings.runRoot, 'tasks', face.namespace, id);
}

/** Monitor socket of a container or exec. */
export function monitorSocket({ settings }: Root<'runRoot'>, id: string): string {
  return shortSocketPath(settings.runRoot, id);
}
