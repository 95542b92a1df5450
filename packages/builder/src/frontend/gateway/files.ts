import type { Stat } from '@gantry/api/fsutil/types/wire';
import type { FileStat, FrontendBridge } from '../frontend';
import type { OutcomeIds } from './results';
import type { BasicRpcs } from './server';

/** Looks into what was solved. */
export function fileRpcs(bridge: FrontendBridge, ids: OutcomeIds): Pick<BasicRpcs, 'readFile' | 'readDir' | 'statFile'> {
  return {
    async readFile(ctx, { Ref, FilePath, Range }) {
      const range = Range === undefined ? undefined : { offset: Number(Range.Offset), length: Number(Range.Length) };
      return { Data: await bridge.readFile(ctx, ids.need(Ref), FilePath, range) };
    },
    async readDir(ctx, { Ref, DirPath, IncludePattern }) {
      const entries = await bridge.readDir(ctx, ids.need(Ref), DirPath, IncludePattern);
      return { entries: entries.map(writeStat) };
    },
    async statFile(ctx, { Ref, Path }) {
      return { stat: writeStat(await bridge.statFile(ctx, ids.need(Ref), Path)) };
    },
  };
}

export function writeStat(stat: FileStat): Stat {
  return {
    path: stat.path,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    modTime: stat.modTime,
    linkname: stat.linkname,
    devmajor: 0n,
    devminor: 0n,
    xattrs: {},
  };
}
