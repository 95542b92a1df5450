import { Stat } from '@gantry/api/fsutil/types/wire';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import { comparePaths } from '../../sources/local/walk-order';
import { booleanOf, epochOf } from '../attribute-values';
import type { ExportInput } from '../exporter';
import { refuseUnknown } from '../image/attributes';
import { platformsOf } from '../image/platforms';
import { MODE } from '../../fsutil/mode';
import { type ExportedFile, isDirectory } from './exported-file';
import { statementFiles } from './statements';
import { walk } from './walk';

export interface TreeOptions {
  /** Seconds since 1970. */
  readonly epoch: number | undefined;
  readonly attestationPrefix: string;
  /** A folder for each platform; undefined: where there are several. */
  readonly split: boolean | undefined;
}

export function treeAttributes(exporter: string, attributes: ReadonlyMap<string, string>): TreeOptions {
  const left = new Map(attributes);
  left.delete('dest'); // the client's own business
  const take = (key: string): string | undefined => {
    const value = left.get(key);
    left.delete(key);
    return value;
  };
  const epoch = take('source-date-epoch') ?? '';
  const split = take('platform-split');
  const options: TreeOptions = {
    epoch: epoch === '' ? undefined : epochOf('source-date-epoch', epoch),
    attestationPrefix: take('attestation-prefix') ?? '',
    split: split === undefined ? undefined : booleanOf('platform-split', split),
  };
  refuseUnknown(exporter, left);
  return options;
}

/** The files of one platform, or of all, while `use` runs. */
export interface PlatformFiles {
  /** Empty: it lies in no folder of its own. */
  readonly folder: string;
  readonly id: string;
  readonly files: () => AsyncIterable<ExportedFile>;
}

/** Opens the trees of a result one in the other and gives their files, with what is attested of them, to `use`. */
export async function withTrees<T>(
  refs: Refs,
  ctx: CallContext,
  { input, options }: { readonly input: ExportInput; readonly options: TreeOptions },
  use: (trees: readonly PlatformFiles[]) => Promise<T>,
): Promise<T> {
  const { result } = input;
  const several = [...result.outcomes.keys()].some((id) => id !== '');
  const split = options.split ?? several;
  const epoch = options.epoch ?? Number(result.metadata.get('source.date.epoch')?.toString() || NaN);
  const time = Number.isFinite(epoch) ? BigInt(epoch) * 1_000_000_000n : undefined;
  const now = time ?? BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
  const platforms = platformsOf(result);
  const opened: PlatformFiles[] = [];
  const next = async (): Promise<T> => {
    const platform = platforms[opened.length];
    if (platform === undefined) return use(opened);
    const { id, outcome } = platform;
    const ref = await outcome?.tree(ctx);
    try {
      return await refs.withTree(ctx, ref, async (root) => {
        const own = (): AsyncIterable<ExportedFile> => walk(root, { time });
        const statements = await statementFiles(
          refs,
          ctx,
          { attestations: result.attestations.get(id) ?? [], files: own },
          {
            prefix: options.attestationPrefix,
            platform: several && !split ? id : '',
            time: now,
          },
        );
        const folder = split ? id.replaceAll('/', '_') : '';
        opened.push({ id, folder, files: () => below(folder, time ?? 0n, withStatements(own(), statements)) });
        return next();
      });
    } finally {
      ref?.release();
    }
  };
  return next();
}

async function* withStatements(files: AsyncIterable<ExportedFile>, statements: readonly ExportedFile[]): AsyncGenerator<ExportedFile> {
  const waiting = [...statements].sort((a, b) => comparePaths(latin(a), latin(b)));
  for await (const file of files) {
    while (waiting[0] !== undefined && comparePaths(latin(waiting[0]), latin(file)) <= 0) yield waiting.shift() as ExportedFile;
    yield file;
  }
  yield* waiting;
}

const latin = ({ stat }: ExportedFile): string => Buffer.from(stat.path).toString('latin1');

async function* below(folder: string, time: bigint, files: AsyncIterable<ExportedFile>): AsyncGenerator<ExportedFile> {
  if (folder === '') return yield* files;
  yield { stat: Stat.fromPartial({ path: folder, mode: MODE.dir + 0o755, modTime: time }), read: undefined };
  for await (const { stat, read } of files) {
    const linkname =
      read === undefined && !isDirectory(stat) && stat.linkname !== '' && stat.mode < MODE.charDevice
        ? `${folder}/${stat.linkname}`
        : stat.linkname;
    yield { stat: { ...stat, path: `${folder}/${stat.path}`, linkname }, read };
  }
}

/** No file of one platform lies where one of another does. */
export async function refuseOverlaps(trees: readonly PlatformFiles[]): Promise<void> {
  if (trees.length < 2 || trees.some(({ folder }) => folder !== '')) return;
  const seen = new Map<string, string>();
  for (const { id, files } of trees)
    for await (const { stat } of files()) {
      if (isDirectory(stat)) continue;
      const other = seen.get(stat.path);
      if (other !== undefined)
        throw invalidArgument(`cannot overwrite ${stat.path} from ${other} with ${id} when split option is disabled`);
      seen.set(stat.path, id);
    }
}
