import type { Stat } from '@gantry/api/fsutil/types/wire';
import { MODE } from '../../fsutil/mode';

/** A file on its way to a client. */
export interface ExportedFile {
  /** Path below the destination, as the wire has it. */
  readonly stat: Stat;
  /** The content of a regular file that is not a link to another. */
  readonly read: (() => AsyncIterable<Buffer>) | undefined;
}

export const isDirectory = ({ mode }: Pick<Stat, 'mode'>): boolean => mode >= MODE.dir;
