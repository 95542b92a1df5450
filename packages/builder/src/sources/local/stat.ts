import { Stat } from '@gantry/api/fsutil/types/wire';
import { dataLoss, invalidArgument } from '@gantry/rpc';
import { hasBit, MODE, permissions } from '../../fsutil/mode';
import { FieldReader } from './packet';

/** Bits of a mode that tell what a file is (os.ModeType). */
const TYPE = MODE.dir + MODE.symlink + MODE.device + MODE.pipe + MODE.socket + MODE.charDevice + 2 ** 19;

/** What the walk needs of a stat, read without making the rest. */
export interface Glance {
  /** One character a byte. */
  readonly path: string;
  readonly mode: number;
  readonly linked: boolean;
}

export function glance(raw: Buffer): Glance {
  let path = '';
  let mode = 0;
  let linked = false;
  const fields = new FieldReader(raw);
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 1) path = fields.bytes.toString('latin1');
    else if (field === 2) mode = fields.number;
    else if (field === 7) linked = fields.bytes.length > 0;
  }
  return { path, mode, linked };
}

export const isDirectory = (mode: number): boolean => hasBit(mode, MODE.dir);
/** Whether sender and receiver both count the file among those whose content may be asked for. */
export const hasContent = (mode: number): boolean => (mode & TYPE) === 0;

export type FileKind = 'dir' | 'symlink' | 'node' | 'file' | 'hardlink';

/** All of a stat, with the mode as the kernel has it. */
export interface FileStat {
  readonly kind: FileKind;
  /** Bytes of the path. */
  readonly path: Buffer;
  readonly link: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
  /** Nanoseconds since 1970. */
  readonly modTime: bigint;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

const S_IF = { dir: 0o040000, symlink: 0o120000, char: 0o020000, block: 0o060000, fifo: 0o010000, file: 0o100000 } as const;

export function fileStat(raw: Buffer): FileStat {
  const { path } = glance(raw);
  const stat = Stat.decode(raw);
  const { mode } = stat;
  if (hasBit(mode, MODE.socket)) throw invalidArgument(`${path} is a socket, which a context cannot have`);
  const kind: FileKind = hasBit(mode, MODE.dir)
    ? 'dir'
    : hasBit(mode, MODE.symlink)
      ? 'symlink'
      : hasBit(mode, MODE.device) || hasBit(mode, MODE.pipe)
        ? 'node'
        : stat.linkname !== ''
          ? 'hardlink'
          : 'file';
  if (kind === 'file' && !hasContent(mode)) throw dataLoss(`${path} has the mode ${mode}, which is of no kind of file`);
  return {
    kind,
    path: Buffer.from(path, 'latin1'),
    link: Buffer.from(stat.linkname),
    mode: unixMode(mode, kind),
    uid: stat.uid,
    gid: stat.gid,
    major: Number(stat.devmajor),
    minor: Number(stat.devminor),
    modTime: stat.modTime,
    xattrs: new Map(Object.entries(stat.xattrs)),
  };
}

function unixMode(mode: number, kind: FileKind): number {
  const node = hasBit(mode, MODE.pipe) ? S_IF.fifo : hasBit(mode, MODE.charDevice) ? S_IF.char : S_IF.block;
  const type = kind === 'dir' ? S_IF.dir : kind === 'symlink' ? S_IF.symlink : kind === 'node' ? node : S_IF.file;
  return type | permissions(mode);
}
