import { splitMountOptions } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';

export interface MountOptions {
  readonly flags: number;
  readonly data: string;
  /** containerd's options uidmap and gidmap: the ids that the files have for whoever looks at the mount. */
  readonly map: IdMapText | undefined;
}

/** Lines as the kernel reads them: INSIDE OUTSIDE COUNT. */
export interface IdMapText {
  readonly uids: string;
  readonly gids: string;
}

/** Options of a containerd mount as mount(2) takes them. Throws invalidArgument for a map that is none, or has no uids or no gids. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const words: string[] = [];
  const maps: { uidmap?: string; gidmap?: string } = {};
  for (const option of options) {
    if (option.startsWith('uidmap=') || option.startsWith('gidmap=')) maps[option.slice(0, 6) as 'uidmap'] = mapText(option);
    else words.push(option);
  }
  const { flags, data } = splitMountOptions(words);
  const { uidmap: uids, gidmap: gids } = maps;
  if ((uids === undefined) !== (gids === undefined)) throw invalidArgument('mount options uidmap and gidmap need each other');
  return { flags, data: data.join(','), map: uids === undefined || gids === undefined ? undefined : { uids, gids } };
}

function mapText(option: string): string {
  const ranges = option.slice('uidmap='.length).split(',');
  if (!ranges.every((range) => /^\d+:\d+:\d+$/.test(range)))
    throw invalidArgument(`mount option "${option}" is not made of INSIDE:OUTSIDE:COUNT`);
  return ranges.map((range) => `${range.replaceAll(':', ' ')}\n`).join('');
}
