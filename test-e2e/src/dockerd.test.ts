import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bundles,
  callApi,
  command,
  type CommandResult,
  dockerTakes,
  type Engine,
  ended,
  getFromHost,
  hasProgram,
  kinds,
  loadBusybox,
  pinnedNode,
  startEngine,
  testWith,
  until,
  succeeding,
} from './harness';
import { clientVersion } from './lines/needs';

/** The engine as a program that takes dockerd's command line. */
const program = (kind: Engine['kind']): string[] =>
  kind === 'dockerd' ? ['dockerd'] : [pinnedNode, join(bundles, 'gantry.cjs'), 'dockerd'];
const run = (kind: Engine['kind'], ...args: string[]): Promise<CommandResult> => {
  const [file = '', ...rest] = [...program(kind), ...args];
  return command(file, rest, { timeout: 30_000 });
};

describe.each(kinds)('told by daemon.json: %s', (kind) => {
  let engine: Engine;
  let config = '';
  const folder = (): string => (config === '' ? '' : config.slice(0, config.lastIndexOf('/')));
  const write = (keys: object): void => writeFileSync(config, JSON.stringify(keys));
  const ok = succeeding((args) => engine.docker(args, { timeout: 60_000 }));
  const keys = {
    labels: ['from=file'],
    bip: '10.213.7.1/24',
    'fixed-cidr': '10.213.7.128/25',
    mtu: 1400,
    dns: ['192.0.2.53'],
    'dns-search': ['example.test'],
    'default-shm-size': '17M',
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 123, Hard: 456 } },
    'log-opts': { 'max-file': '2', 'max-size': '1m' },
    'default-address-pools': [{ base: '10.214.0.0/16', size: 26 }],
    'no-new-privileges': true,
    init: true,
    debug: true,
  };

  beforeAll(async () => {
    config = join(mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-json-`)), 'daemon.json');
    write(keys);
    engine = await startEngine(kind, {
      asDockerd: true,
      args: ['--config-file', config, '-H', 'tcp://127.0.0.1:23751', '--tls=false', '--containerd-namespace', 'told'],
    });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    rmSync(folder(), { recursive: true, force: true });
  }, 120_000);

  test('containers and networks are as it says', async () => {
    expect(JSON.parse(await ok('info', '-f', '{{json .Labels}}'))).toEqual(['from=file']);
    const script =
      'ip -4 -o addr show eth0; ip link show eth0; ip route; ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -1; cat /etc/resolv.conf; grep NoNewPrivs /proc/self/status; cat /proc/1/comm';
    const seen = await ok('run', '--rm', '--name', 'told', 'busybox', 'sh', '-c', script);
    expect(seen).toMatch(/inet 10\.213\.7\.(1[3-9]\d|12[89]|2\d\d)\/24/);
    expect(seen).toContain('mtu 1400');
    expect(seen).toContain('default via 10.213.7.1 ');
    expect(seen).toMatch(/^123\n456$/m);
    expect(seen).toMatch(/17408/);
    expect(seen).toContain('nameserver 192.0.2.53');
    expect(seen).toContain('search example.test');
    expect(seen).toMatch(/NoNewPrivs:\t1/);
    expect(seen).toMatch(/init$/);
    expect(JSON.parse(await ok('inspect', '-f', '{{json .HostConfig.LogConfig}}', await ok('create', 'busybox')))).toEqual({
      Type: 'json-file',
      Config: { 'max-file': '2', 'max-size': '1m' },
    });
    await ok('network', 'create', 'pooled');
    expect(await ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'pooled')).toBe('10.214.0.0/26');
  }, 60_000);

  testWith('docker buildx', dockerTakes('--output', 'buildx', 'build'))(
    'what is tagged is built on, in a namespace of its own, too',
    async () => {
      await ok('tag', 'busybox', 'only-here:1');
      const built = await engine.docker(['buildx', 'build', '-t', 'on-it:1', '-'], { input: 'FROM only-here:1\nRUN echo built > /f\n' });
      expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
      expect(await ok('run', '--rm', 'on-it:1', 'cat', '/f')).toBe('built');
    },
    120_000,
  );

  test('it listens at every -H, and its pid file keeps a second one out', async () => {
    expect(readFileSync(join(engine.folder, 'dockerd.pid'), 'utf8').trim()).toMatch(/^\d+$/);
    const answer = await engine.onHost('docker', ['-H', 'tcp://127.0.0.1:23751', 'info', '-f', '{{.ID}}']);
    expect(answer.stdout.trim()).toBe(await ok('info', '-f', '{{.ID}}'));
    const second = await run(
      kind,
      ...['--data-root', join(folder(), 'd'), '--exec-root', join(folder(), 'x'), '--config-file', join(folder(), 'none.json')],
      ...['-H', `unix://${folder()}/s.sock`, '--pidfile', join(engine.folder, 'dockerd.pid')],
    );
    expect(second.code).not.toBe(0);
  }, 60_000);

  test('SIGHUP takes over what can change, and tells it', async () => {
    const pid = Number(readFileSync(join(engine.folder, 'dockerd.pid'), 'utf8'));
    write({
      ...keys,
      labels: ['from=reload'],
      debug: false,
      'max-concurrent-downloads': 7,
      'insecure-registries': ['reg.test:5000'],
      mtu: 1300,
      'default-shm-size': '96M',
      'default-ipc-mode': 'shareable',
      'shutdown-timeout': 16,
    });
    const since = String(Math.floor(Date.now() / 1000) - 1);
    process.kill(pid, 'SIGHUP');
    await until('the labels', async () => (await ok('info', '-f', '{{json .Labels}}')) === '["from=reload"]');
    expect(await ok('info', '-f', '{{.Debug}}')).toBe('false');
    const made = await ok('create', 'busybox', 'true');
    expect(await ok('inspect', made, '-f', '{{.HostConfig.ShmSize}} {{.HostConfig.IpcMode}}')).toBe(`${96 << 20} shareable`);
    await ok('rm', made);
    expect(await ok('info', '-f', '{{json .RegistryConfig.IndexConfigs}}')).toContain('reg.test:5000');
    const events = await ok(
      'events',
      '--since',
      since,
      '--until',
      String(Math.floor(Date.now() / 1000) + 1),
      '--filter',
      'type=daemon',
      '--format',
      '{{json .}}',
    );
    const { Action, Actor } = JSON.parse(events.split('\n').at(-1) ?? '') as {
      Action: string;
      Actor: { ID: string; Attributes: Record<string, string> };
    };
    expect(Action).toBe('reload');
    expect(Actor.ID).toBe(await ok('info', '-f', '{{.ID}}'));
    expect(readFileSync(join(await ok('info', '-f', '{{.DockerRootDir}}'), 'engine-id'), 'utf8')).toBe(Actor.ID);
    expect(Actor.Attributes).toMatchObject({
      debug: 'false',
      labels: '["from=reload"]',
      'live-restore': 'false',
      'shutdown-timeout': '16',
      'max-concurrent-downloads': '7',
      'max-concurrent-uploads': '5',
      'max-download-attempts': '5',
    });
    write({ nope: true });
    process.kill(pid, 'SIGHUP');
    await until('the failure in the log', () =>
      readFileSync(engine.log, 'utf8').includes('unable to configure the Docker daemon with file'),
    );
    expect(await ok('info', '-f', '{{json .Labels}}')).toBe('["from=reload"]');
    write(keys);
  }, 60_000);

  test('SIGTERM stops the containers; policies start them again', async () => {
    const trap = 'trap "echo stopped; exit 3" TERM; while :; do sleep 0.1; done';
    await ok('run', '-d', '--init=false', '--name', 'plain', 'busybox', 'sh', '-c', trap);
    await ok('run', '-d', '--init=false', '--name', 'always', '--restart', 'always', 'busybox', 'sh', '-c', trap);
    const pids = [await ok('inspect', '-f', '{{.State.Pid}}', 'plain'), await ok('inspect', '-f', '{{.State.Pid}}', 'always')];
    await engine.halt();
    expect(pids.map((pid) => existsSync(`/proc/${pid}`))).toEqual([false, false]);
    expect(existsSync(join(engine.folder, 'dockerd.pid'))).toBe(false);
    await engine.start();
    await until('the policy', async () => (await ok('inspect', '-f', '{{.State.Running}}', 'always')) === 'true');
    expect(await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'plain')).toBe('exited 3');
    expect(await ok('logs', 'plain')).toBe('stopped');
    await ok('rm', '-f', 'always', 'plain');
  }, 120_000);

  test('containers of one that was killed are stopped by the next one, which gives their addresses away', async () => {
    await ok('network', 'create', '--subnet', '10.213.0.0/24', 'apart');
    const alone = ['run', '-d', '--net', 'apart', '--ip', '10.213.0.9', '--stop-signal', 'KILL'];
    await ok(...alone, '--name', 'plain', 'busybox', 'sleep', '600');
    const pid = await ok('inspect', '-f', '{{.State.Pid}}', 'plain');
    await engine.halt('SIGKILL');
    await engine.start();
    expect(await ok('inspect', '-f', '{{.State.Status}}', 'plain')).toBe('exited');
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await ok(...alone, '--name', 'next', 'busybox', 'sleep', '600');
    await ok('rm', '-f', 'plain', 'next');
    await ok('network', 'rm', 'apart');
  }, 120_000);

  test('devices are given by the names that their descriptions have, and told by info', async () => {
    const descriptions = join(folder(), 'cdi');
    mkdirSync(descriptions);
    const device = {
      name: 'nothing',
      containerEdits: { env: ['FROM_CDI=yes'], deviceNodes: [{ path: '/dev/nothing', hostPath: '/dev/null' }] },
    };
    writeFileSync(join(descriptions, 'vendor.json'), JSON.stringify({ cdiVersion: '0.5.0', kind: 'vendor.test/class', devices: [device] }));
    write({ ...keys, 'cdi-spec-dirs': [descriptions] });
    await engine.halt();
    await engine.start();
    expect(JSON.parse((await callApi(engine, 'GET', '/info')).body)).toMatchObject({
      CDISpecDirs: [descriptions],
      DiscoveredDevices: [{ Source: 'cdi', ID: 'vendor.test/class=nothing' }],
    });
    if (clientVersion() < 25) return; // it takes paths of devices only
    const look = 'echo $FROM_CDI; stat -c %t:%T /dev/nothing; echo x > /dev/nothing && echo written';
    expect(await ok('run', '--rm', '--device', 'vendor.test/class=nothing', 'busybox', 'sh', '-c', look)).toBe('yes\n1:3\nwritten');
    const { code, stderr } = await engine.docker(['run', '--rm', '--device', 'vendor.test/class=none', 'busybox', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain('CDI device injection failed: unresolvable CDI devices vendor.test/class=none');
  }, 120_000);

  test('with live-restore they go on', async () => {
    write({ ...keys, 'live-restore': true });
    await engine.halt();
    await engine.start();
    await ok('run', '-d', '--name', 'lives', 'busybox', 'sleep', '600');
    const state = (): Promise<string> => ok('inspect', '-f', '{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}', 'lives');
    const before = await state();
    await engine.halt();
    await engine.start();
    expect(await state()).toBe(before);
    await ok('rm', '-f', 'lives');
  }, 120_000);
});

describe.each(kinds)('without a default bridge: %s', (kind) => {
  let engine: Engine;
  const ok = succeeding((args) => engine.docker(args, { timeout: 60_000 }));
  beforeAll(async () => {
    const gateways = ['--host-gateway-ip', '192.0.2.2', '--host-gateway-ip', 'fd00::2'];
    engine = await startEngine(kind, { asDockerd: true, args: ['--bridge', 'none', '--default-cgroupns-mode', 'private', ...gateways] });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine?.destroy(), 120_000);

  test.each([[[]], [['--network', 'bridge']]])('a container with %j has a loopback alone', async (args) => {
    expect(await ok('run', '--rm', ...args, 'busybox', 'ls', '/sys/class/net')).toBe('lo');
  });

  test('networks of its owner are as ever, and host-gateway is an address of each family', async () => {
    expect(await ok('network', 'ls', '--format', '{{.Name}}')).toBe('host\nnone');
    await ok('network', 'create', 'own');
    const seen = await ok(
      'run',
      '--rm',
      '--network',
      'own',
      '--add-host',
      'hg:host-gateway',
      'busybox',
      'sh',
      '-c',
      'ls /sys/class/net; grep hg /etc/hosts',
    );
    expect(seen.split('\n').sort()).toEqual(['192.0.2.2\thg', 'eth0', 'fd00::2\thg', 'lo']);
  }, 60_000);

  test('a step of the classic builder has the cgroup namespace that containers have', async () => {
    const { code, stdout } = await engine.docker(['build', '-'], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      input: 'FROM busybox\nRUN readlink /proc/self/ns/cgroup\n',
    });
    const host = readlinkSync('/proc/self/ns/cgroup');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/cgroup:\[\d+\]/)]);
    expect(stdout).not.toContain(host);
  }, 60_000);
});

describe.each(kinds)('without firewall rules: %s', (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine(kind, { asDockerd: true, args: ['--iptables=false', '--ip6tables=false'] });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine?.destroy(), 120_000);

  test('published ports are relayed, and there is no table', async () => {
    expect(await engine.docker(['run', '-d', '-p', '8081:80', 'busybox', 'sh', '-c', 'httpd -h /var/www; sleep 600'])).toMatchObject({
      code: 0,
    });
    await until('the server', async () => (await getFromHost(engine, '127.0.0.1', 8081)) === 'hello from gantry\n');
    expect((await engine.onHost('nft', ['list', 'tables'])).stdout).toBe('');
  }, 60_000);
});

describe.each(kinds)('the command line of %s', (kind) => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-line-`));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('--version and --help', async () => {
    expect((await run(kind, '--version')).stdout).toMatch(/^Docker version \S+, build \S+\n$/);
    const help = await run(kind, '--help');
    expect([help.code, help.stdout]).toEqual([0, expect.stringMatching(/--containerd string[\s\S]*--userns-remap string/)]);
  });

  test.each([
    [['--nope'], 'unknown flag: --nope'],
    [['--label', 'x=1', '--label', 'x=2'], 'conflict labels'],
    [['--dns', 'x'], 'invalid string being converted to IP address: x'],
    [['--config-file', '/nonexistent.json'], 'unable to configure the Docker daemon with file /nonexistent.json'],
  ])('%j is refused before anything is made', async (args, message) => {
    const roots = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run'), '--pidfile', join(folder, 'pid')];
    const end = await run(kind, ...roots, ...args);
    expect(end.code).not.toBe(0);
    expect(end.stderr.replaceAll('\\"', '"')).toContain(message);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('what flag and file say twice is refused', async () => {
    const config = join(folder, 'twice.json');
    writeFileSync(config, '{"debug": true, "nope": 1}');
    expect((await run(kind, '--config-file', config)).stderr).toContain(
      "the following directives don't match any configuration option: nope",
    );
    writeFileSync(config, '{"debug": true}');
    expect((await run(kind, '--config-file', config, '--debug')).stderr).toContain(
      'the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true)',
    );
    rmSync(config);
  });

  const activate = hasProgram('systemd-socket-activate');
  testWith('systemd-socket-activate', activate)(
    '-H fd:// serves the socket that systemd made',
    async () => {
      const socket = join(folder, 'fd.sock');
      const log = join(folder, 'fd.log');
      const netns = `gantry-e2e-${process.pid}-fd`;
      await command('ip', ['netns', 'add', netns]);
      writeFileSync(join(folder, 'fd.json'), '{}');
      const args = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run'), '--pidfile', join(folder, 'pid')];
      const child = spawn(
        'nsenter',
        [
          ...[`--net=/run/netns/${netns}`, 'systemd-socket-activate', '-l', socket, ...program(kind)],
          ...['-H', 'fd://', '--config-file', join(folder, 'fd.json'), ...args],
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      try {
        await until('the socket', () => existsSync(socket));
        const inode = statSync(socket).ino;
        const answer = await command('docker', ['-H', `unix://${socket}`, 'version', '-f', '{{.Server.Os}}'], { timeout: 50_000 });
        expect([answer.stdout, answer.stderr, said]).toEqual(['linux\n', '', expect.anything()]);
        expect(statSync(socket).ino).toBe(inode);
      } finally {
        child.kill();
        await ended(child);
        await command(pinnedNode, [join(bundles, 'gantry.cjs'), 'cleanup', '--root', join(folder, 'data'), '--run', join(folder, 'run')]);
        await command('ip', ['netns', 'del', netns]);
        for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
        expect(log).not.toBe('');
      }
    },
    60_000,
  );
});

describe('ours in particular', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-own-`));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('a data root that a dockerd wrote is refused and not touched', async () => {
    for (const name of ['image', 'buildkit', 'containers', 'network/files'])
      mkdirSync(join(folder, 'data', name), { recursive: true, mode: 0o711 });
    const before = statSync(join(folder, 'data'));
    const end = await run(
      'gantry',
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'run'),
      '--pidfile',
      join(folder, 'pid'),
    );
    expect([end.code, end.stderr]).toEqual([1, expect.stringContaining('was written by dockerd')]);
    expect([statSync(join(folder, 'data')).mode, readdirSync(folder)]).toEqual([before.mode, ['data']]);
  });

  test('--validate, and what is not honoured is refused by name', async () => {
    const config = join(folder, 'daemon.json');
    writeFileSync(config, '{"debug": true}');
    expect(await run('gantry', '--config-file', config, '--validate')).toMatchObject({ code: 0, stderr: 'configuration OK\n' });
    writeFileSync(config, '{"ipv6": true, "userland-proxy-path": "/bin/false"}');
    const end = await run('gantry', '--config-file', config, '--validate');
    expect([end.code, end.stderr]).toEqual([1, expect.stringContaining('"userland-proxy-path" "/bin/false" is not supported by Gantry: ')]);
  });

  const unit = '/lib/systemd/system/docker.service';
  testWith("Debian's docker.service", existsSync(unit))("the command line of Debian's unit is taken", async () => {
    const line = /^ExecStart=\S+ (.*)$/m.exec(readFileSync(unit, 'utf8'))?.[1] ?? '';
    const args = line.split(/\s+/).filter((word) => word !== '' && !word.startsWith('$'));
    expect(args.length).toBeGreaterThan(1);
    writeFileSync(join(folder, 'daemon.json'), '{}');
    expect(await run('gantry', ...args, '--config-file', join(folder, 'daemon.json'), '--validate')).toMatchObject({ code: 0 });
  });
});
