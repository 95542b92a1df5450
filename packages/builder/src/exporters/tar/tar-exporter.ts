import { TAR_END, type TarHead, tarHeaders, tarPadding } from '@gantry/oci/tar';
import type { Refs } from '../../refs/ref';
import { during } from '../../progress/during';
import { sendFile } from '../../session/send-file';
import type { Exporter } from '../exporter';
import { hasBit, MODE, permissions } from '../../fsutil/mode';
import { type ExportedFile, isDirectory } from '../local/exported-file';
import { makeTreeExporter } from '../local/tree-exporter';

/** As one tar to the client. */
export const makeTarExporter = (refs: Refs): Exporter =>
  makeTreeExporter(refs, { type: 'tar', name: 'exporting to client tarball' }, (ctx, trees, { input, index }) =>
    during(input.progress, 'sending tarball', () =>
      input.sessions.any((session) => sendFile(ctx, session, { index, about: new Map() }, tarOf(trees.map(({ files }) => files())))),
    ),
  );

async function* tarOf(sources: readonly AsyncIterable<ExportedFile>[]): AsyncGenerator<Buffer> {
  for (const files of sources)
    for await (const { stat, read } of files) {
      yield tarHeaders(entryOf({ stat, read }));
      if (read === undefined) continue;
      let size = 0;
      for await (const part of read()) {
        size += part.length;
        yield part;
      }
      yield tarPadding(size);
    }
  yield TAR_END;
}

function entryOf({ stat, read }: ExportedFile): TarHead {
  const { path, mode, uid, gid, size, modTime, linkname, devmajor, devminor, xattrs } = stat;
  const type = typeOf(stat, read !== undefined);
  return {
    name: type === 'folder' ? `${path}/` : path,
    type,
    mode: permissions(mode),
    uid,
    gid,
    size: read === undefined ? 0 : Number(size),
    time: modTime,
    link: linkname,
    major: Number(devmajor),
    minor: Number(devminor),
    xattrs,
  };
}

function typeOf(stat: ExportedFile['stat'], content: boolean): TarHead['type'] {
  if (isDirectory(stat)) return 'folder';
  if (hasBit(stat.mode, MODE.symlink)) return 'symlink';
  if (hasBit(stat.mode, MODE.pipe)) return 'fifo';
  if (hasBit(stat.mode, MODE.charDevice)) return 'char';
  if (hasBit(stat.mode, MODE.device)) return 'block';
  return content || stat.linkname === '' ? 'file' : 'hardlink';
}
