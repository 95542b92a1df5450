import { directory, openPath, statPath, view } from './archive';
import { bindSource, containerFiles, exists, inVolume, realPath } from './paths';

/** Every look of the supervisor at a path that is not its own (see Looker). */
export const foreignLooks = {
  view,
  statPath,
  openPath,
  directory,
  bindSource,
  containerFiles,
  exists,
  inVolume,
  realPath,
};

export type ForeignLooks = typeof foreignLooks;
export type { ViewSpec } from './archive';
