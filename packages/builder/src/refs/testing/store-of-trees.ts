import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { locateProgram, TreeProgram } from '@gantry/native';
import { connect, newContext, silentLogger, type CallContext } from '@gantry/rpc';
import type { Store } from '../../store';
import { openBuildStore } from '../../store';
import { connectServices, type Services } from '../../worker/services';
import { makeRefs } from '../make-refs';
import { recordTables } from '../records/tables';
import type { Refs } from '../ref';

const root = join(__dirname, '../../../../..');
const engine = join(root, 'dist/lib/gantry/gantry-images.cjs');
const peer = process.env['GANTRY_CONTAINERD'];

/** Who holds the trees in a test: our images service, and each snapshotter of a containerd whose folder GANTRY_CONTAINERD names. */
export const holders: readonly { readonly name: string; readonly snapshotter: string; readonly peer: boolean }[] = [
  ...(existsSync(engine) ? [{ name: 'gantry-images', snapshotter: 'overlayfs', peer: false }] : []),
  ...(existsSync(engine) ? [{ name: 'gantry-images, whole trees', snapshotter: 'native', peer: false }] : []),
  ...(peer === undefined
    ? []
    : ['overlayfs', 'native'].map((snapshotter) => ({ name: `containerd, ${snapshotter}`, snapshotter, peer: true }))),
];

export interface TreeHolder {
  readonly services: Services;
  readonly folder: string;
  readonly ctx: CallContext;
  readonly program: TreeProgram;
  /** The room of trees; asked again with `restart` it is a new one on the same store, as after a kill. */
  readonly refs: Refs;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a holder in a folder of its own. */
export async function startHolder({ snapshotter, peer: isPeer }: (typeof holders)[number]): Promise<TreeHolder> {
  const folder = await mkdtemp(join(tmpdir(), 'gr-'));
  const socket = join(folder, isPeer ? 'c.sock' : 'run/images.sock');
  const child = isPeer ? await startPeer(folder, socket) : await startOwn(folder);
  const services = connectServices({
    addresses: { containerd: socket, images: socket, network: join(folder, 'none.sock') },
    snapshotter,
    namespaces: { store: 'trees', steps: 'buildkit' },
  });
  const probe = connect(socket);
  await probe.ready(20_000);
  if (isPeer) await probe.client(VersionService).version(newContext(), {});
  probe.close();
  const program = new TreeProgram(locateProgram('gantry-native', __dirname));
  let store: Store | undefined;
  const open = async (): Promise<Refs> => {
    store?.close();
    store = openBuildStore(join(folder, 'build.db'), [recordTables]);
    const made = makeRefs({ services, store, logger: silentLogger, program, data: join(folder, 'build'), run: join(folder, 'r') });
    await made.start();
    return made;
  };
  let refs = await open();
  return {
    services,
    folder,
    program,
    ctx: newContext(),
    get refs() {
      return refs;
    },
    async restart() {
      refs = await open();
    },
    async stop() {
      program.close();
      store?.close();
      services.close();
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startPeer(folder: string, socket: string): Promise<ChildProcess> {
  const config = join(folder, 'config.toml');
  await writeFile(
    config,
    `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]\n[grpc]\naddress = "${socket}"\n`,
  );
  return spawn(join(peer ?? '', 'containerd'), ['-c', config], { stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '' } });
}

async function startOwn(folder: string): Promise<ChildProcess> {
  await mkdir(join(folder, 'run'), { mode: 0o711 });
  return spawn(process.execPath, [engine, '--root', join(folder, 'data'), '--run', join(folder, 'run')], { stdio: 'ignore' });
}
