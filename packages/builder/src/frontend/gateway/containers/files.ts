import { readTreeFile, readTreeFolder, statTreeFile } from '../../../bridge/files';
import type { ContainerRpcs } from '../server';
import { writeStat } from '../files';
import type { FrontendContainer } from './container';

/** Looks into the trees of a container: `Ref` names it, `MountIndex` one of its mounts. */
export function containerFiles(
  find: (id: string) => Promise<FrontendContainer>,
): Pick<ContainerRpcs, 'readFileContainer' | 'readDirContainer' | 'statFileContainer'> {
  const at = async (id: string, index: number): Promise<Parameters<typeof readTreeFile>[0]> => {
    const place = (await find(id)).place(index);
    return { withTree: (_ctx, _ref, use) => use(place) };
  };
  const ref = undefined;
  return {
    async readFileContainer(ctx, { Ref: id, FilePath: path, Range: asked, MountIndex: index }) {
      const range = asked === undefined ? undefined : { offset: Number(asked.Offset), length: Number(asked.Length) };
      return { Data: await readTreeFile(await at(id, index), ctx, { ref, path, range }) };
    },
    async readDirContainer(ctx, { Ref: id, DirPath: path, IncludePattern: include, MountIndex: index }) {
      return { entries: (await readTreeFolder(await at(id, index), ctx, { ref, path, include })).map(writeStat) };
    },
    async statFileContainer(ctx, { Ref: id, Path: path, MountIndex: index }) {
      return { stat: writeStat(await statTreeFile(await at(id, index), ctx, { ref, path })) };
    },
  };
}
