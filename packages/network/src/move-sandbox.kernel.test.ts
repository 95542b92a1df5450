import { symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { TestHost } from './testing/host';
import { connectRequest, context, createRequest, startTestService, type TestService } from './testing/service';

describe('a sandbox that is found by another path from now on', () => {
  let host: TestHost;
  let service: TestService;
  beforeEach(async () => {
    host = new TestHost();
    service = await startTestService(host.directory);
  });
  afterEach(async () => {
    await service.stop();
    await host.close();
  });

  it('is worked in though what was its path is gone, and no other namespace takes its place', async () => {
    const sandboxId = 'a'.repeat(64);
    const sandbox = await host.sandbox();
    const former = join(host.directory, 'former');
    symlinkSync(sandbox.path, former);
    await service.client.createNetwork(context(), createRequest({ name: 'one' }));
    await service.client.connect(context(), connectRequest({ sandboxId, networkRef: 'one', netnsPath: former }));
    unlinkSync(former);
    const move = (netnsPath: string, id = sandboxId): Promise<unknown> =>
      service.client.moveSandbox(context(), { sandboxId: id, netnsPath });
    await expect(move((await host.sandbox()).path)).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await expect(move('/no/such')).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await move(sandbox.path, 'b'.repeat(64)); // nobody's
    await move(sandbox.path);
    expect(await sandbox.run('ip', '-br', 'link')).toContain('eth0');
    await service.client.disconnect(context(), { networkRef: 'one', sandboxId, force: false });
    expect(await sandbox.run('ip', '-br', 'link')).not.toContain('eth0');
  });
});
