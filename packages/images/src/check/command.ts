import { join } from 'node:path';
import { type CheckResponse, ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type Connection, connect, errorText, isErrorOf, newContext } from '@gantry/rpc';
import { commonDefaults, createLogger, type FlagTable, helpText, loadConfig, readCommandLine } from '@gantry/service';
import { assemble } from '../assemble';
import { checkConfig, defaults, flags, type ImagesConfig } from '../config';
import { check } from '../services/check';

/** Exit codes: 0 nothing is wrong (any more), 1 something is, 2 it could not be checked. */
const WRONG = 1;
const FAILED = 2;

/** How long the service may take to say which store it has, milliseconds: at first, and where somebody has the store open. */
const PATIENCE = { first: 2000, busy: 30_000 };

const own = {
  repair: { type: 'boolean', help: 'remove orphans, pull missing and altered blobs again, unpack altered snapshots again' },
} as const satisfies FlagTable;

/** `gantry-images check`: through the service that has the store open, else on the store itself. */
export async function checkCommand(argv: readonly string[], version: string, patience = PATIENCE): Promise<number> {
  try {
    const line = readCommandLine(argv, { ...flags, ...own });
    if (line.flags.get('help') === true) {
      process.stdout.write(
        helpText(
          'gantry-images check',
          'compares the store with the disk',
          line.table,
          new Map([
            ['root', commonDefaults.root],
            ['run', commonDefaults.run],
          ]),
        ),
      );
      return 0;
    }
    const repair = line.flags.get('repair') === true;
    const config = loadConfig<ImagesConfig>('images', defaults, {
      ...line,
      flags: new Map([...line.flags].filter(([name]) => name !== 'repair')),
    });
    checkConfig(config);
    const data = join(config.root, 'images');
    const serve = (timeoutMs: number): Promise<Connection | undefined> => serving(join(config.run, 'images.sock'), data, timeoutMs);
    const connection = await serve(patience.first);
    if (connection !== undefined) return await online(connection, repair);
    try {
      return await offline({ config, data, version, repair });
    } catch (error) {
      // On a busy machine, or after a death, the service answers late.
      const late = isErrorOf(error, 'failedPrecondition') ? await serve(patience.busy) : undefined;
      if (late === undefined) throw error;
      return await online(late, repair);
    }
  } catch (error) {
    process.stderr.write(`gantry-images check: ${errorText(error)}\n`);
    return FAILED;
  }
}

async function online(connection: Connection, repair: boolean): Promise<number> {
  try {
    return await print(connection.client(ImagesServiceService).check(newContext(), { repair }));
  } finally {
    connection.close();
  }
}

/** The service at a socket, if it has this very store. */
async function serving(socket: string, data: string, timeoutMs: number): Promise<Connection | undefined> {
  const connection = connect(socket);
  const info = await connection
    .client(ImagesServiceService)
    .getInfo(newContext(), {}, { timeoutMs })
    .catch(() => undefined);
  if (info?.data === data) return connection;
  connection.close();
  return undefined;
}

async function offline({
  config,
  data,
  version,
  repair,
}: {
  readonly config: Parameters<typeof assemble>[0]['config'];
  readonly data: string;
  readonly version: string;
  readonly repair: boolean;
}): Promise<number> {
  const logger = createLogger({ service: 'images', version, level: 'error' });
  const { checker, lock, db, registries, proxies } = assemble({ config, data, logger, version });
  try {
    lock.take();
    return await print(check(checker, { repair }));
  } finally {
    registries.close();
    for (const { connection } of proxies) connection.close();
    db.close();
    lock.release();
  }
}

async function print(answers: AsyncIterable<CheckResponse>): Promise<number> {
  let code = FAILED;
  for await (const { finding, summary } of answers) {
    if (finding !== undefined) {
      const { problem, object, id, namespace, detail, repaired, outcome } = finding;
      const where = namespace === '' ? '' : ` (namespace ${namespace})`;
      const done = repaired ? `; ${outcome}` : outcome === '' ? '' : `; NOT repaired: ${outcome}`;
      process.stdout.write(`${problem} ${object} ${id}${where}: ${detail}${done}\n`);
    }
    if (summary !== undefined) {
      const { blobs, blobBytes, snapshots, unverifiedSnapshots, findings, unrepaired } = summary;
      const rest = unverifiedSnapshots === 0n ? '' : `, ${unverifiedSnapshots} of them by presence only`;
      process.stdout.write(
        `checked ${blobs} blobs (${blobBytes} bytes) and ${snapshots} snapshots${rest}: ${findings} findings, ${unrepaired} of them still true\n`,
      );
      code = unrepaired === 0n ? 0 : WRONG;
    }
  }
  return code;
}
