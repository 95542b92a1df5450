import type { HistoryEntry, ImageConfig } from '@gantry/oci';
import { COMMENT } from '../convert/image';

/** Instructions whose `created_by` the classic builder puts a single blank before. */
const FILES = /^(?:COPY|ADD) /;

/**
 * When the steps of a build were done, which their images and their history tell. A conversion knows no times: what it wrote into a history and has none is given
 * that of the step, and the classic builder's words.
 */
export class Dates {
  private readonly times = new Map<string, string>();

  /** Notes when the last entry of a history was made; one that was noted stays. */
  note(image: Buffer, created: string): void {
    const { history = [] } = read(image);
    const name = nameOf(history);
    if (!this.times.has(name)) this.times.set(name, created);
  }

  /** The configuration with the times of its steps. */
  dated(image: Buffer): Buffer {
    const config = read(image);
    const { history = [] } = config;
    const shell = (config.config?.Shell ?? ['/bin/sh', '-c']).join(' ');
    let { created } = config;
    const told = history.map((entry, at): HistoryEntry => {
      const time = isOwn(entry) ? this.times.get(nameOf(history.slice(0, at + 1))) : undefined;
      if (time === undefined) return entry;
      created = time;
      const { comment: _comment, created_by: by = '', ...rest } = entry;
      return { created: time, created_by: classicWords(by, shell), ...rest };
    });
    return Buffer.from(JSON.stringify({ ...config, ...(created === undefined ? {} : { created }), history: told }));
  }
}

const read = (image: Buffer): ImageConfig => JSON.parse(image.toString()) as ImageConfig;
const nameOf = (history: readonly HistoryEntry[]): string => JSON.stringify(history);
const isOwn = ({ created, comment }: HistoryEntry): boolean => created === undefined && comment === COMMENT;

function classicWords(by: string, shell: string): string {
  const plain = by.replace(/ # buildkit$/, '');
  if (plain.startsWith('RUN ')) return plain.slice('RUN '.length);
  return `${shell} #(nop) ${FILES.test(plain) ? '' : ' '}${plain}`;
}
