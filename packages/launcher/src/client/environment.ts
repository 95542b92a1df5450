import type { ClientCommand } from './command';
import { updateContainer } from './update';

/** `gantry set-env`: variables of a container that exists; its processes see them when it starts next. */
export const setEnv: ClientCommand = {
  name: 'set-env',
  summary: 'Set variables of a container, from its next start on',
  usage: '[OPTIONS] CONTAINER NAME=VALUE [NAME=VALUE...]',
  least: 2,
  options: [],
  run: async (api, [container = '', ...entries]) => ({ lines: [], warnings: await updateContainer(api, container, { SetEnv: entries }) }),
};

export const unsetEnv: ClientCommand = {
  name: 'unset-env',
  summary: 'Take variables of a container away, from its next start on',
  usage: '[OPTIONS] CONTAINER NAME [NAME...]',
  least: 2,
  options: [],
  run: async (api, [container = '', ...names]) => ({ lines: [], warnings: await updateContainer(api, container, { UnsetEnv: names }) }),
};
