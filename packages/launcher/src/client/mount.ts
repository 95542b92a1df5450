import type { ClientCommand } from './command';
import { readMountSpecs } from './mount-specs';
import { updateContainer } from './update';

/** `gantry mount`: what `docker run` takes behind -v and --mount, for a container that exists. */
export const mount: ClientCommand = {
  name: 'mount',
  summary: 'Mount directories and volumes in a container, from its next start on; as behind -v or --mount of docker run',
  usage: '[OPTIONS] CONTAINER SOURCE:PATH[:MODE]|type=TYPE,source=SOURCE,target=PATH[,...] [MOUNT...]',
  least: 2,
  options: [],
  run: async (api, [container = '', ...specs]) => ({ lines: [], warnings: await updateContainer(api, container, readMountSpecs(specs)) }),
};

export const unmount: ClientCommand = {
  name: 'unmount',
  summary: 'Mount nothing at these paths of a container any more, from its next start on',
  usage: '[OPTIONS] CONTAINER PATH [PATH...]',
  least: 2,
  options: [],
  run: async (api, [container = '', ...paths]) => ({ lines: [], warnings: await updateContainer(api, container, { Unmount: paths }) }),
};
