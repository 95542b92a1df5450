import { readFileSync, writeFileSync } from 'node:fs';
import { command, hasProgram, loadBusybox, startEngine, testWith, until, type Engine } from './harness';

describe("containerd's ctr on the supervisor's socket", () => {
  let engine: Engine;
  const ctrTest = testWith('ctr', hasProgram('ctr'));
  beforeAll(async () => {
    engine = await startEngine();
    await loadBusybox(engine);
    await engine.docker(['run', '-d', '--name', 'seen', 'busybox', 'sleep', '6000']);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);
  const ctr = async (...args: string[]) => {
    const result = await command('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'gantry', ...args]);
    if (result.code !== 0) throw new Error(`ctr ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  };
  const inspect = async (format: string) => (await engine.docker(['inspect', '-f', format, 'seen'])).stdout.trim();

  ctrTest('version and namespaces', async () => {
    expect(await ctr('version')).toMatch(/Server:\n\s+Version:/);
    expect(await ctr('namespaces', 'ls', '-q')).toMatch(/^gantry$/m);
  });

  ctrTest('a label makes the namespace that it is for', async () => {
    await ctr('namespaces', 'label', 'fresh', 'a=b');
    expect(await ctr('namespaces', 'ls')).toMatch(/^fresh\s+a=b/m);
    await ctr('namespaces', 'rm', 'fresh');
  });

  ctrTest("failures are told in containerd's words, each once", async () => {
    const failure = async (...args: string[]) =>
      (await command('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'words', ...args])).stderr;
    await ctr('-n', 'words', 'images', 'import', `${engine.folder}/busybox.tar`);
    const refused = await failure('run', '--rm', 'docker.io/library/busybox:latest', 'none', 'nosuch');
    expect(refused.match(/OCI runtime create failed: runc create failed: unable to start container process: /g)).toHaveLength(1);
    expect(refused).toContain('failed to create shim task: ');
    await ctr('-n', 'words', 'containers', 'create', 'docker.io/library/busybox:latest', 'idle');
    expect((await failure('tasks', 'kill', 'idle')).match(/no running task found/g)).toHaveLength(1);
    await ctr('-n', 'words', 'containers', 'rm', 'idle');
    await ctr('-n', 'words', 'images', 'rm', '--sync', 'docker.io/library/busybox:latest');
  });

  const runcTest = testWith('ctr and runc', hasProgram('ctr') && hasProgram('runc'));
  runcTest('a checkpoint goes through the content store to the runtime that restores it', async () => {
    const [wrapper, restored] = [`${engine.folder}/runc-of-files`, `${engine.folder}/restored`];
    // What criu would write and read is a file here.
    const script = [
      'for a in "$@"; do [ "$p" = --image-path ] && img=$a; p=$a; case $a in checkpoint|restore) verb=$a;; esac; done',
      'case $verb in',
      '  checkpoint) echo memory >"$img/pages.img"; exit 0;;',
      `  restore) cat "$img/pages.img" >${restored}; exit 1;;`,
      'esac',
      'PATH=$PATH:/usr/sbin:/sbin exec runc "$@"',
    ];
    writeFileSync(wrapper, `#!/bin/bash\n${script.join('\n')}\n`, { mode: 0o755 });
    const image = 'docker.io/library/busybox:latest';
    await ctr('run', '-d', '--runc-binary', wrapper, image, 'frozen', 'sleep', '6000');
    await ctr('containers', 'checkpoint', '--image', '--task', 'frozen', 'example.org/frozen:1');
    await ctr('tasks', 'rm', '-f', 'frozen');
    await ctr('containers', 'rm', 'frozen');
    await expect(ctr('containers', 'restore', '--live', 'thawed', 'example.org/frozen:1')).rejects.toThrow('OCI runtime restore failed');
    expect(readFileSync(restored, 'utf8')).toBe('memory\n');
    await ctr('tasks', 'rm', '-f', 'thawed').catch(() => undefined);
    await ctr('containers', 'rm', 'thawed');
    await ctr('images', 'rm', 'example.org/frozen:1');
    expect(await ctr('leases', 'ls', '-q')).not.toContain('gantry.checkpoint');
  });

  ctrTest('the same ids, digests, pid and status', async () => {
    const id = await inspect('{{.Id}}');
    expect(await ctr('containers', 'ls', '-q')).toBe(`${id}\n`);
    expect(await ctr('tasks', 'ls')).toMatch(new RegExp(`^${id}\\s+${await inspect('{{.State.Pid}}')}\\s+RUNNING`, 'm'));
    expect(await ctr('images', 'ls', '-q')).toBe('docker.io/library/busybox:latest\n');
    expect(await ctr('snapshots', 'ls')).toMatch(new RegExp(`^${id}\\s+sha256:[0-9a-f]{64}\\s+Active`, 'm'));
    const config = (await engine.docker(['image', 'inspect', '-f', '{{.Id}}', 'busybox'])).stdout.trim();
    expect(await ctr('content', 'ls', '-q')).toContain(config);
  });

  ctrTest('a task killed here is seen there', async () => {
    const id = await inspect('{{.Id}}');
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await ctr('tasks', 'kill', '-s', 'SIGKILL', id);
    await until('docker to see it', async () => (await inspect('{{.State.Status}} {{.State.ExitCode}}')) === 'exited 137');
    const events = await engine.docker([
      'events',
      '--since',
      since,
      '--until',
      String(Math.ceil(Date.now() / 1000)),
      '--filter',
      'container=seen',
      '--format',
      '{{.Action}}',
    ]);
    expect(events.stdout.split('\n')).toContain('die');
  });
});
