import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundles, type CommandResult, describeEngine, hasProgram, pinnedNode, type Registry, startRegistry, testWith } from './harness';

describeEngine('artifacts and what refers to them', (suite) => {
  let registry: Registry | undefined;
  beforeAll(async () => {
    if (hasProgram('docker-registry')) registry = await startRegistry(suite.engine);
  });
  afterAll(() => registry?.stop());

  const artifact = (...args: string[]): Promise<CommandResult> =>
    suite.engine.onHost(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'artifact', ...args, '--run', suite.engine.run]);
  const sha = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

  testWith('docker-registry, curl, skopeo and ctr', ['docker-registry', 'curl', 'skopeo', 'ctr'].every(hasProgram))(
    'a model and its signature: sent by curl, pulled, listed, read by ctr, pushed on, taken by skopeo',
    async () => {
      if (suite.engine.kind !== 'gantry') return;
      const { engine } = suite;
      const host = registry?.name ?? '';
      const folder = join(engine.folder, 'artifact');
      mkdirSync(folder);
      const curl = async (...args: string[]): Promise<CommandResult> => {
        const result = await engine.onHost('curl', ['-fsS', '--noproxy', '*', ...args]);
        expect([args, result.code, result.stderr]).toEqual([args, 0, '']);
        return result;
      };
      /** As any client of the distribution specification does it. */
      const put = async (bytes: Buffer, to: string, type: string): Promise<{ mediaType: string; digest: string; size: number }> => {
        const file = join(folder, 'upload');
        writeFileSync(file, bytes);
        if (to === 'blobs') {
          const location =
            /^location: (\S+)/im.exec(
              (await curl('-D', '-', '-o', '/dev/null', '-X', 'POST', `http://${host}/v2/model/blobs/uploads/`)).stdout,
            )?.[1] ?? '';
          await curl(
            '-X',
            'PUT',
            '-H',
            'Content-Type: application/octet-stream',
            '--data-binary',
            `@${file}`,
            `${location}&digest=${sha(bytes)}`,
          );
        } else
          await curl('-X', 'PUT', '-H', `Content-Type: ${type}`, '--data-binary', `@${file}`, `http://${host}/v2/model/manifests/${to}`);
        return { mediaType: type, digest: sha(bytes), size: bytes.length };
      };
      const manifestType = 'application/vnd.oci.image.manifest.v1+json';
      const empty = { ...(await put(Buffer.from('{}'), 'blobs', 'application/vnd.oci.empty.v1+json')) };
      const manifest = (change: object): Buffer =>
        Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: empty, ...change }));
      const weights = await put(Buffer.from('weights'), 'blobs', 'application/x-weights');
      const model = await put(manifest({ artifactType: 'application/x-model', layers: [weights] }), 'v1', manifestType);
      const signed = manifest({ artifactType: 'application/x-signature', layers: [empty], subject: model });
      const signature = await put(signed, sha(signed), manifestType);
      const index = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [{ ...signature, artifactType: 'application/x-signature' }],
      };
      await put(Buffer.from(JSON.stringify(index)), model.digest.replace(':', '-'), index.mediaType); // this registry has no call for referrers

      const line = `${signature.digest}\t${signature.size}\tapplication/x-signature\n`;
      expect(await artifact('referrers', `${host}/model:v1`)).toEqual({ code: 0, stdout: line, stderr: '' });
      expect(await artifact('pull', `${host}/model:v1`, '--referrers')).toEqual({
        code: 0,
        stdout: `${model.digest}\t${model.size}\t${manifestType}\n`,
        stderr: '',
      });
      expect(await artifact('referrers', `${host}/model:v1`, '--stored')).toEqual({ code: 0, stdout: line, stderr: '' });
      expect(await artifact('referrers', `${host}/model:v1`, '--stored', '--type=text/none')).toEqual({ code: 0, stdout: '', stderr: '' });
      const ctr = (...args: string[]) => engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'gantry', ...args]);
      expect((await ctr('content', 'get', weights.digest)).stdout).toBe('weights');
      await ctr('images', 'tag', `${host}/model:v1`, `${host}/copy:v2`);
      expect(await artifact('push', `${host}/copy:v2`, '--referrers')).toMatchObject({ code: 0, stderr: '' });
      expect(await artifact('referrers', `${host}/copy:v2`)).toMatchObject({ stdout: line });
      expect(
        sha(Buffer.from((await engine.onHost('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${host}/copy:v2`])).stdout)),
      ).toBe(model.digest);
      expect((await suite.docker(['images', '-q', `${host}/model`])).stdout).toBe('');
      const absent = await artifact('pull', `${host}/nothing:v1`);
      expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining(`${host}/nothing`)]);
      expect((await artifact('fetch', 'x')).code).toBe(2);
    },
    60_000,
  );
});
