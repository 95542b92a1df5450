import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { ImagesServiceService, type LoadResponse, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, connect, type Connection, newContext, openTicket, type ServiceClient, type StreamTicket } from '@gantry/rpc';
import { commonDefaults, startService } from '@gantry/service';
import { defaults, type ImagesConfig } from '../config';
import { service } from '../service';

/** gantry-native, built once where no built one is found. */
export function nativeBinary(): string {
  const root = join(__dirname, '../../../..');
  const built = join(root, 'dist/gantry-native');
  if (!existsSync(built)) execFileSync('make', ['-s', '-C', join(root, 'packages/native')], { stdio: 'inherit' });
  return built;
}

/** Sends without waiting; a service that dies meanwhile is the test's business elsewhere. */
async function send(archive: Buffer, ticket: StreamTicket): Promise<void> {
  const socket = await openTicket(ticket);
  socket.on('error', () => undefined);
  void pipeline(Readable.from([archive], { objectMode: false }), socket).catch(() => undefined);
}

export interface TestEngine {
  readonly dir: string;
  readonly data: string;
  readonly socket: string;
  readonly images: ServiceClient<typeof ImagesServiceService>;
  readonly volumes: ServiceClient<typeof VolumesServiceService>;
  readonly content: ServiceClient<typeof ContentService>;
  readonly records: ServiceClient<typeof ImagesService>;
  readonly snapshots: ServiceClient<typeof SnapshotsService>;
  readonly leases: ServiceClient<typeof LeasesService>;
  readonly diff: ServiceClient<typeof DiffService>;
  load(archive: Buffer, ctx?: CallContext): Promise<LoadResponse[]>;
  save(refs: readonly string[], from?: string): Promise<Buffer>;
  /** Numbers of the snapshot directories on disk. */
  snapshotDirs(): string[];
  blobFiles(): string[];
  /** Stops and starts the service, with another configuration when told. */
  restart(change?: Partial<ImagesConfig>): Promise<void>;
  /** Stops the service and leaves its directories. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

/** The real service in this process, on directories of its own. */
export async function startEngine(change: Partial<ImagesConfig> = {}, place = tmpdir()): Promise<TestEngine> {
  const dir = await mkdtemp(join(place, 'gi-'));
  const [root, run] = [join(dir, 'd'), join(dir, 'r')];
  await mkdir(root, { recursive: true });
  const config = {
    ...commonDefaults,
    ...defaults,
    native: nativeBinary(),
    ...change,
    root,
    run,
    'metrics-address': 'off',
    'log-level': 'fatal' as const,
  };
  let hosted = await startService(service, config);
  const data = join(root, 'images');
  const socket = join(run, 'images.sock');
  let connection: Connection = connect(socket);
  const client = <D extends Parameters<Connection['client']>[0]>(definition: D): ServiceClient<D> =>
    new Proxy(
      {},
      { get: (_target, name) => (connection.client(definition) as unknown as Record<string | symbol, unknown>)[name] },
    ) as ServiceClient<D>;
  const images = client(ImagesServiceService);
  return {
    dir,
    data,
    socket,
    images,
    volumes: client(VolumesServiceService),
    content: client(ContentService),
    records: client(ImagesService),
    snapshots: client(SnapshotsService),
    leases: client(LeasesService),
    diff: client(DiffService),
    async load(archive, ctx = newContext()) {
      const answers: LoadResponse[] = [];
      for await (const answer of images.load(ctx, { quiet: true, platforms: [] })) {
        if (answer.ticket === undefined) answers.push(answer);
        else await send(archive, answer.ticket);
      }
      return answers;
    },
    async save(refs, from = '') {
      const { ticket } = await images.save(newContext(), { refs: [...refs], platforms: [], from });
      if (ticket === undefined) throw new Error('no ticket');
      const parts: Buffer[] = [];
      for await (const part of await openTicket(ticket)) parts.push(part as Buffer);
      return Buffer.concat(parts);
    },
    snapshotDirs: () => readdirSync(join(data, 'snapshots')).sort(),
    blobFiles: () => readdirSync(join(data, 'content/blobs/sha256')).sort(),
    async restart(other = {}) {
      connection.close();
      await hosted.stop();
      hosted = await startService(service, { ...config, ...other });
      connection = connect(socket);
    },
    async halt() {
      connection.close();
      await hosted.stop();
    },
    async stop() {
      connection.close();
      await hosted.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
