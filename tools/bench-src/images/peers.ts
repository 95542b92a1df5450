import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { command, type CommandResult } from '../../../test-e2e/src/harness/command';
import type { Containerd } from '../../../test-e2e/src/harness/containerd';
import type { Engine } from '../../../test-e2e/src/harness/engine';
import { clientCpu, engineCpu } from './cpu';

export type PeerName = 'gantry' | 'dockerd' | 'ctr';

/** One engine, by the verbs that are measured. References are `127.0.0.1:PORT/NAME:TAG`; what load brings is `NAME:latest`. */
export interface Peer {
  readonly name: PeerName;
  readonly netns: string;
  load(archive: string): Promise<void>;
  pull(reference: string): Promise<void>;
  /** Sends an image that is here to another reference. */
  push(from: string, to: string): Promise<void>;
  rmi(references: readonly string[]): Promise<void>;
  /** Brings the blobs only, then unpacks them: absent where an engine cannot tell the one from the other. */
  readonly unpack?: {
    fetch(reference: string): Promise<void>;
    run(reference: string): Promise<void>;
    clean(reference: string): Promise<void>;
  };
  /** What load's image is called by the other verbs. */
  loaded(key: string): string;
  /** Processor time so far, milliseconds, user and system, of the engine's processes; of ctr, which does much of the work itself, too. */
  cpu(): number;
}

const LONG = { timeout: 600_000 };

async function must(result: Promise<CommandResult>, what: string): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`${what}: ${code} ${stderr}`);
  return stdout;
}

export function dockerPeer(engine: Engine): Peer {
  const docker = (...args: string[]): Promise<string> => must(engine.docker(args, LONG), `${engine.kind}: docker ${args.join(' ')}`);
  const base = {
    name: engine.kind,
    netns: engine.netns,
    load: async (archive: string) => void (await docker('load', '-q', '-i', archive)),
    pull: async (reference: string) => void (await docker('pull', '-q', reference)),
    push: async (from: string, to: string) => {
      await docker('tag', from, to);
      await docker('push', '-q', to);
    },
    rmi: async (references: readonly string[]) => void (await docker('rmi', ...references)),
    loaded: (key: string) => `${key}:latest`,
  };
  if (engine.kind === 'dockerd') return { ...base, cpu: () => engineCpu(engine.folder) };
  const ctr = ctrTool(engine.netns, join(engine.run, 'supervisor.sock'), engine.folder);
  return { ...base, unpack: ctr.unpack, cpu: () => engineCpu(engine.folder) + ctr.cpu() };
}

export async function ctrPeer(containerd: Containerd): Promise<Peer> {
  const netns = containerd.namespace;
  await must(command('ip', ['netns', 'add', netns]), 'ip netns add');
  await must(command('ip', ['-n', netns, 'link', 'set', 'lo', 'up']), 'ip link set lo up');
  const ctr = ctrTool(netns, containerd.address, containerd.folder);
  return {
    name: 'ctr',
    netns,
    load: (archive) => ctr.run('images', 'import', archive),
    pull: (reference) => ctr.run('images', 'pull', '--plain-http', reference),
    push: (from, to) => ctr.run('images', 'push', '--plain-http', to, from),
    rmi: (references) => ctr.run('images', 'rm', '--sync', ...references),
    unpack: ctr.unpack,
    loaded: (key) => `docker.io/library/${key}:latest`,
    cpu: () => engineCpu(containerd.folder) + ctr.cpu(),
  };
}

interface CtrTool {
  run(...args: string[]): Promise<void>;
  readonly unpack: NonNullable<Peer['unpack']>;
  cpu(): number;
}

/** ctr on the engine's network, its processor time counted. */
function ctrTool(netns: string, address: string, folder: string): CtrTool {
  let spent = 0;
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await command(
      'nsenter',
      [
        `--net=/run/netns/${netns}`,
        'bash',
        '-c',
        '"$@" >/dev/null; code=$?; times >&2; exit $code',
        'bash',
        'ctr',
        '-a',
        address,
        '-n',
        'bench',
        ...args,
      ],
      LONG,
    );
    if (code !== 0) throw new Error(`ctr ${args.join(' ')}: ${code} ${stderr}`);
    spent += clientCpu(stderr);
  };
  const target = join(folder, 'mounted');
  return {
    run,
    cpu: () => spent,
    unpack: {
      fetch: (reference) => run('content', 'fetch', '--plain-http', reference),
      run: (reference) => {
        mkdirSync(target, { recursive: true });
        return run('images', 'mount', reference, target);
      },
      clean: async (reference) => {
        await run('images', 'unmount', '--rm', target);
        await run('images', 'rm', '--sync', reference);
      },
    },
  };
}
