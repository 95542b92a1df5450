import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { describeEngine } from './harness';

describeEngine('dockerode', (suite) => {
  const client = () => new Docker({ socketPath: suite.engine.socket });

  test('create, attach, start, wait, logs, remove', async () => {
    const container = await client().createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'read x; echo "got $x"; echo err >&2; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const out = new PassThrough();
    const err = new PassThrough();
    const text = { out: '', err: '' };
    out.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
    err.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
    client().modem.demuxStream(stream, out, err);
    const over = new Promise((resolve) => stream.once('end', resolve));
    await container.start();
    stream.write('this\n');
    stream.end();
    expect(await container.wait()).toMatchObject({ StatusCode: 3 });
    await over;
    const logs = await container.logs({ stdout: true, stderr: false });
    expect(logs.toString()).toContain('got this\n');
    expect(text).toEqual({ out: 'got this\n', err: 'err\n' });
    expect((await container.inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 3 });
    await container.remove();
  });

  test('exec with output', async () => {
    const container = await client().createContainer({ Image: 'busybox', Cmd: ['sleep', '600'] });
    await container.start();
    const exec = await container.exec({ Cmd: ['sh', '-c', 'echo inside; exit 2'], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    let bytes = Buffer.alloc(0);
    for await (const chunk of stream) bytes = Buffer.concat([bytes, chunk as Buffer]);
    expect(bytes.toString()).toContain('inside\n');
    expect(await exec.inspect()).toMatchObject({ ExitCode: 2, Running: false });
    await container.remove({ force: true });
  });

  test('info, version, df, networks, volumes, events', async () => {
    expect(await client().info()).toMatchObject({ OSType: 'linux' });
    expect(await client().version()).toHaveProperty('ApiVersion');
    expect(await client().df()).toHaveProperty('Images');
    expect((await client().listNetworks()).map((network) => network.Name).sort()).toEqual(['bridge', 'host', 'none']);
    expect(await client().listVolumes()).toHaveProperty('Volumes');
    const stream = await client().getEvents({});
    const first = new Promise<string>((resolve) => stream.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    const volume = await client().createVolume({ Name: 'evented' });
    expect(volume).toMatchObject({ name: 'evented' });
    expect(JSON.parse(await first)).toMatchObject({ Type: 'volume', Action: 'create' });
    (stream as unknown as { destroy(): void }).destroy();
    await client().getVolume('evented').remove();
  });
});
