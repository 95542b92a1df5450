import { Duplex } from 'node:stream';
import { type ExecMessage, LLBBridgeService } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { NetMode, SecurityMode } from '@gantry/api/pb/ops';
import { connectStream, newContext, type ServiceClient } from '@gantry/rpc';
import { metaOf, mountOf } from './definitions';

/** A frontend for tests, bundled and run in a container: it says what it was told, starts a container of its own, and returns a result. */
type Bridge = ServiceClient<typeof LLBBridgeService>;
const ctx = newContext();

async function main(): Promise<void> {
  const options = new Map(
    Object.entries(process.env).flatMap(([name, value = '']) =>
      name.startsWith('BUILDKIT_FRONTEND_OPT_') ? [[value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)]] : [],
    ),
  );
  const bridge = connectStream(Duplex.from({ readable: process.stdin, writable: process.stdout })).client(LLBBridgeService);
  const { FrontendAPICaps: caps } = await bridge.ping(ctx, {});
  const { result } = await bridge.solve(ctx, solveRequest);
  const id = result?.ref?.id ?? '';
  const facts: Record<string, string> = {
    session: process.env['BUILDKIT_SESSION_ID'] ?? '',
    option: options.get('hello') ?? '',
    caps: String(caps.length > 10),
    output: await inContainer(bridge, id),
    insecure: await inContainer(bridge, id, SecurityMode.INSECURE).catch((error: unknown) => String(error)),
    released: await released(bridge, id),
    host: await bridge.newContainer(ctx, containerRequest('net', id, NetMode.HOST)).then(
      () => 'allowed',
      (error: unknown) => String(error),
    ),
  };
  const metadata = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, Buffer.from(value)]));
  await bridge.return(ctx, { result: { metadata, attestations: {}, ref: { id, def: undefined } }, error: undefined });
  process.exit(options.get('exit') === undefined ? 0 : Number(options.get('exit')));
}

async function inContainer(bridge: Bridge, id: string, security = SecurityMode.SANDBOX): Promise<string> {
  const name = `../../../../../../../../../tmp/climbs${security}`;
  await bridge.newContainer(ctx, containerRequest(name, id, NetMode.NONE));
  const said = Promise.withResolvers<void>();
  const message = (part: Partial<ExecMessage>): ExecMessage => ({ ...nothing, ProcessID: 'p', ...part });
  async function* messages(): AsyncIterable<ExecMessage> {
    const script = 'read line; echo "got $line in $(pwd)"; echo err >&2; exit 4';
    const meta = metaOf({ args: ['/bin/busybox', 'sh', '-c', script], cwd: '/tmp' });
    yield message({ Init: { ContainerID: name, Meta: meta, Fds: [0, 1, 2], Tty: false, Security: security, secretenv: [] } });
    yield message({ File: { Fd: 0, EOF: true, Data: Buffer.from('words\n') } });
    await said.promise;
  }
  const heard: string[] = [];
  for await (const { File, Exit, Done } of bridge.execProcess(ctx, messages())) {
    if (File !== undefined) heard.push(File.EOF ? `eof ${File.Fd}` : `${File.Fd}: ${File.Data.toString().trim()}`);
    if (Exit !== undefined) heard.push(`exit ${Exit.Code} ${Exit.Error?.message ?? ''}`);
    if (Done !== undefined) said.resolve();
  }
  const read = async (FilePath: string): Promise<string> =>
    (await bridge.readFileContainer(ctx, { Ref: name, FilePath, Range: undefined, MountIndex: 0 })).Data.toString().trim();
  const files = [await read('/etc/hostname'), await read('../../../../../../../../etc/hostname')];
  const release = await bridge.releaseContainer(ctx, { ContainerID: name }).then(() => 'released', String);
  return [...heard.sort(), `read ${files.join(' ')}`, release].join('; ');
}

/** What is told of a process that runs when its container is released, which has the PATH of another operating system. */
async function released(bridge: Bridge, id: string): Promise<string> {
  const platform = { Architecture: '', OS: 'windows', Variant: '', OSVersion: '', OSFeatures: [] };
  await bridge.newContainer(ctx, { ...containerRequest('held', id, NetMode.NONE), platform });
  const over = Promise.withResolvers<void>();
  async function* messages(): AsyncIterable<ExecMessage> {
    const meta = metaOf({ args: ['/bin/busybox', 'sh', '-c', 'echo "$PATH"; exec /bin/busybox sleep 1000'], cwd: '/tmp', env: [] });
    const security = SecurityMode.SANDBOX;
    yield {
      ...nothing,
      ProcessID: 'p',
      Init: { ContainerID: 'held', Meta: meta, Fds: [1], Tty: false, Security: security, secretenv: [] },
    };
    await over.promise;
  }
  const heard: string[] = [];
  for await (const { File, Exit, Done } of bridge.execProcess(ctx, messages())) {
    if (File?.EOF === false) {
      heard.push(File.Data.toString().trim());
      void bridge
        .releaseContainer(ctx, { ContainerID: 'held' })
        .then(
          () => heard.push('released'),
          (error: unknown) => heard.push(String(error)),
        )
        .finally(over.resolve);
    }
    if (Exit !== undefined) heard.push(Exit.Error?.message ?? '');
    if (Done !== undefined) await over.promise;
  }
  return heard.sort().join('; ');
}

const containerRequest = (name: string, id: string, network: NetMode): Parameters<Bridge['newContainer']>[1] => ({
  ContainerID: name,
  Mounts: [mountOf({ resultID: id })],
  Network: network,
  platform: undefined,
  constraints: undefined,
  extraHosts: [],
  hostname: '',
});

const nothing = {
  Init: undefined,
  File: undefined,
  Resize: undefined,
  Started: undefined,
  Exit: undefined,
  Done: undefined,
  Signal: undefined,
};
const solveRequest: Parameters<Bridge['solve']>[1] = {
  Definition: { def: [Buffer.from('x')], metadata: {}, Source: undefined },
  Frontend: '',
  FrontendOpt: {},
  allowResultReturn: true,
  allowResultArrayRef: true,
  Final: false,
  ExporterAttr: Buffer.alloc(0),
  CacheImports: [],
  FrontendInputs: {},
  Evaluate: false,
  SourcePolicies: [],
};

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
