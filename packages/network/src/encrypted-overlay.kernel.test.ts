import { networkDefaults } from './config';
import { buildBundle } from './testing/bundle-service';
import { encryptedStories } from './testing/encrypted-story';
import { whatEncryptionLacks } from './testing/esp';
import { TestEtcd, whatOverlaysLack } from './testing/etcd';
import { TestHost } from './testing/host';
import { context, createRequest, startTestService } from './testing/service';
import { TwoEngines } from './testing/two-engines';

const overlays = whatOverlaysLack();
const lacking = overlays ?? whatEncryptionLacks();
if (lacking !== undefined) process.stderr.write(`skipped: encrypted networks, for lack of ${lacking}\n`);

(lacking === undefined ? describe : describe.skip)('an encrypted network of two engines', () => {
  for (const { name, prefix, config, run } of encryptedStories)
    it(`${name}`, async () => {
      const world = new TwoEngines(buildBundle, prefix);
      try {
        await world.start(config);
        await run(world);
      } finally {
        await world.close();
      }
    }, 300_000);
});

(overlays === undefined && lacking !== undefined ? it : it.skip)(
  'is refused by name where the kernel lacks what it needs',
  async () => {
    const host = new TestHost();
    try {
      host.ip('link', 'add', 'lan0', 'type', 'bridge');
      host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'lan0');
      host.ip('link', 'set', 'lan0', 'up');
      const etcd = new TestEtcd(host, '192.0.2.1');
      await etcd.start();
      const service = await startTestService(host.directory, { overlay: { ...networkDefaults.overlay, endpoints: [etcd.endpoint] } });
      try {
        const asked = service.client.createNetwork(context(), createRequest({ name: 'n', driver: 'overlay', options: { encrypted: '' } }));
        await expect(asked).rejects.toThrow(
          'network n: option encrypted: the kernel has no ESP with rfc4106(gcm(aes)) for IPv4 (module esp4)',
        );
        expect((await service.client.listNetworks(context(), {})).networks.map(({ name }) => name)).not.toContain('n');
      } finally {
        await service.stop();
      }
    } finally {
      await host.close();
    }
  },
  60_000,
);
