import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { ControlService, SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { Op } from '@gantry/api/pb/ops';
import { connectStream, newContext } from '@gantry/rpc';
import { dockerTakes, type Engine, hasProgram, loadBusybox, startEngine, testWith } from './harness';

const ADDRESS = '127.0.0.1:1234';
const openssl = hasProgram('openssl');
const certified = testWith('openssl', openssl);
const buildx = testWith('openssl and docker buildx with the remote driver', openssl && dockerTakes('--driver-opt', 'buildx', 'create'));

/** A definition that makes one file. */
function oneFile(): { def: Buffer[]; metadata: Record<string, never>; Source: undefined } {
  const mkfile = { path: '/made', mode: 0o644, data: Buffer.from('made\n'), timestamp: -1n };
  const made = Op.encode(Op.fromPartial({ file: { actions: [{ input: -1n, secondaryInput: -1n, output: 0n, mkfile }] } })).finish();
  const digest = `sha256:${createHash('sha256').update(made).digest('hex')}`;
  const last = Op.encode(Op.fromPartial({ inputs: [{ digest, index: 0n }] })).finish();
  return { def: [Buffer.from(made), Buffer.from(last)], metadata: {}, Source: undefined };
}

describe('the builder at a TCP address with certificates', () => {
  let engine: Engine;
  let certificates: string;
  const pem = (name: string): string => join(certificates, name);
  beforeAll(async () => {
    certificates = mkdtempSync(join(tmpdir(), 'gantry-e2e-tls-'));
    // each is its own authority
    for (const name of ['server', 'client', 'stranger']) {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', pem(`${name}.key`)];
      const named = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:build.example'];
      execFileSync('openssl', ['req', '-x509', ...key, ...named, '-days', '2', '-out', pem(`${name}.pem`)], { stdio: 'ignore' });
    }
    const tls = `tlscacert: ${pem('client.pem')}\ntlscert: ${pem('server.pem')}\ntlskey: ${pem('server.key')}\n`;
    engine = await startEngine('gantry', { config: { build: `addresses: ["tcp://${ADDRESS}"]\n${tls}` } });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    rmSync(certificates, { recursive: true });
  }, 120_000);

  /** A TLS connection into the network of the engine's host. */
  const dial = (name: string) => {
    const pipe = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, 'busybox', 'nc', ...ADDRESS.split(':')], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const socket = connectTls({
      socket: Duplex.from({ readable: pipe.stdout, writable: pipe.stdin }),
      host: '127.0.0.1',
      ca: readFileSync(pem('server.pem')),
      cert: readFileSync(pem(`${name}.pem`)),
      key: readFileSync(pem(`${name}.key`)),
      ALPNProtocols: ['h2'],
    });
    const failed = new Promise<never>((_resolve, reject) => socket.once('error', reject));
    failed.catch(() => undefined);
    const control = connectStream(socket).client(ControlService);
    return { control, failed, close: () => (socket.destroy(), pipe.kill()) };
  };

  certified(
    'a client that shows its certificate builds, and is told of it',
    async () => {
      const { control, close } = dial('client');
      const [worker] = (await control.listWorkers(newContext(), { filter: [] })).record;
      expect(worker?.Labels['org.mobyproject.buildkit.worker.executor']).toBe('containerd');
      await control.solve(newContext(), SolveRequest.fromPartial({ Ref: 'remote-one', Session: 'none', Definition: oneFile() }));
      const { record } = await control.diskUsage(newContext(), { filter: [], ageLimit: 0n });
      expect(record.map(({ Description }) => Description)).toContainEqual(expect.stringContaining('/made'));
      close();
    },
    60_000,
  );

  certified(
    'a stranger is refused',
    async () => {
      const { control, failed, close } = dial('stranger');
      await expect(Promise.race([failed, control.listWorkers(newContext(), { filter: [] }, { timeoutMs: 20_000 })])).rejects.toThrow();
      close();
    },
    60_000,
  );

  describe('with the remote driver of buildx', () => {
    let folder: string;
    const run = (...args: string[]) =>
      engine.onHost('docker', ['-H', `unix://${engine.socket}`, 'buildx', ...args], {
        env: { ...process.env, BUILDX_CONFIG: join(engine.folder, 'buildx') },
        timeout: 120_000,
      });
    const ok = async (...args: string[]): Promise<string> => {
      const result = await run(...args);
      if (result.code !== 0) throw new Error(`docker buildx ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout + result.stderr;
    };
    beforeAll(async () => {
      folder = join(engine.folder, 'remote');
      mkdirSync(folder);
      writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY a /a\nRUN cat /a /a > /b\nCMD ["cat", "/b"]\n');
      writeFileSync(join(folder, 'a'), 'a\n');
      const files = `cacert=${pem('server.pem')},cert=${pem('client.pem')},key=${pem('client.key')},servername=build.example`;
      await run('create', '--name', 'far', '--driver', 'remote', '--driver-opt', files, `tcp://${ADDRESS}`);
      await run('create', '--name', 'near', '--driver', 'remote', `unix://${engine.run}/build.sock`);
      await run('create', '--name', 'bare', '--driver', 'remote', '--driver-opt', `cacert=${pem('server.pem')}`, `tcp://${ADDRESS}`);
    }, 120_000);

    for (const builder of ['far', 'near'])
      buildx(
        `${builder}: builds, loads what was built, lists, prunes`,
        async () => {
          expect(await ok('inspect', '--bootstrap', builder)).toMatch(/Status: +running/);
          await ok('build', '--builder', builder, '--load', '-t', `from-${builder}`, folder);
          expect((await engine.docker(['run', '--rm', `from-${builder}`])).stdout).toBe('a\na\n');
          const again = await ok(
            'build',
            '--builder',
            builder,
            '--progress=plain',
            '-o',
            `type=local,dest=${folder}/out-${builder}`,
            folder,
          );
          expect(again.match(/^#\d+ CACHED$/gm)).toHaveLength(2);
          expect(readFileSync(join(folder, `out-${builder}`, 'b'), 'utf8')).toBe('a\na\n');
          expect(await ok('du', '--builder', builder)).toMatch(/^Total:\s+[1-9]/m);
          expect(await ok('history', 'ls', '--builder', builder, '--format', '{{.Status}}')).toContain('Completed');
          await ok('prune', '-af', '--builder', builder);
          expect(await ok('du', '--builder', builder)).toMatch(/^Total:\s+0B/m);
        },
        240_000,
      );

    buildx(
      'a client without a certificate gets nothing',
      async () => {
        expect((await run('inspect', 'bare')).stdout).toMatch(/Status: +inactive/);
        expect((await run('du', '--builder', 'bare')).code).not.toBe(0);
      },
      120_000,
    );
  });
});
