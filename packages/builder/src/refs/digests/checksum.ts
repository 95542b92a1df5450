import { type TreeProgram, TreeRequest } from '@gantry/native';
import { type CallContext, isErrorOf, notFound } from '@gantry/rpc';
import type { RecordTable } from '../records/table';
import type { ChecksumOptions, Ref } from '../ref';
import { SharedWork } from '../shared-work';
import type { Views } from '../trees/view';
import { type DigestFiles, selectorOf } from './files';
import type { DigestNotes } from './notes';

export interface ChecksumBase {
  readonly records: RecordTable;
  readonly views: Views;
  readonly program: Pick<TreeProgram, 'run'>;
  readonly notes: DigestNotes;
  readonly files: DigestFiles;
}

/**
 * Checksums of parts of trees: computed once for a tree and a selector, and remembered. Contents that were read for one tree are not read again for the trees that
 * stand on it.
 */
export class Checksums {
  private readonly shared = new SharedWork<string>();

  constructor(private readonly base: ChecksumBase) {}

  async of(ctx: CallContext, ref: Ref | undefined, path: string, options: ChecksumOptions): Promise<string> {
    const { records } = this.base;
    if (ref === undefined) return this.compute(ctx, undefined, path, options);
    const selector = selectorOf(path, options);
    const known = records.sum(ref.id, selector);
    if (known !== undefined) return known;
    return this.shared.run(ctx, `${ref.id} ${selector}`, async () => {
      const digest = await this.compute(ctx, ref, path, options);
      records.setSum(ref.id, selector, digest);
      return digest;
    });
  }

  private async compute(ctx: CallContext, ref: Ref | undefined, path: string, options: ChecksumOptions): Promise<string> {
    const { views, program, files, notes } = this.base;
    // Only a look at everything leaves an index: a later, smaller one would hide it.
    const whole = ref !== undefined && options.exclude.length === 0 && options.include.length === 0 && /^[/.]*$/.test(path);
    const list = ref === undefined ? undefined : notes.listOf(ref.id);
    const told = whole && list !== undefined ? await program.run(new TreeRequest('C').text(list), ctx.signal) : NONE;
    if (told.length > 0) return `sha256:${told.toString('hex')}`;
    const view = await views.open(ctx, ref);
    const index = whole ? `${files.path(ref.id)}.new` : '';
    if (whole) await files.make();
    const request = new TreeRequest('D').mounts(view.mounts).text(path).number(options.followLinks).number(options.wildcard);
    request
      .texts(options.include)
      .texts(options.exclude)
      .texts(await this.knownOf(ref))
      .text(list ?? '')
      .text(index);
    try {
      const digest = `sha256:${(await program.run(request, ctx.signal)).toString('hex')}`;
      if (whole) {
        await files.settle(ref.id, index);
        notes.forget(ref.id);
      }
      return digest;
    } catch (error) {
      if (!isErrorOf(error, 'notFound')) throw error;
      if (ref === undefined) throw notFound(`${path}: no such file or directory`, { cause: error });
      throw notFound(`failed to calculate checksum of ref ${ref.id}: ${error.message}`, { cause: error });
    } finally {
      await view.release();
    }
  }

  /** Files of known digests: of the nearest parents that have one first, what was noted of the tree itself last, so that it counts most. */
  private async knownOf(ref: Ref | undefined): Promise<string[]> {
    if (ref === undefined) return [];
    const { records, notes, files } = this.base;
    const paths: string[] = [];
    for (let at = records.get(ref.id); at !== undefined && paths.length < MOST_PARENTS; at = parentOf(records, at.parents)) {
      paths.unshift(files.path(at.id));
      const noted = notes.of(at.id);
      if (at.id === ref.id && noted.size > 0) paths.push(await files.note(at.id, noted));
    }
    return paths;
  }
}

const NONE = Buffer.alloc(0);

/** Farther ones rarely know what nearer ones do not. */
const MOST_PARENTS = 8;

function parentOf(records: RecordTable, parents: readonly string[]): ReturnType<RecordTable['get']> {
  const [parent] = parents;
  return parent === undefined ? undefined : records.get(parent);
}
