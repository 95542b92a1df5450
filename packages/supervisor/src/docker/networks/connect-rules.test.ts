import { Container } from '@gantry/api/gantry/engine/v1/record';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { Network, SandboxNamespace } from '@gantry/api/gantry/network/v1/network';
import { checkConnect, checkDisconnect } from './connect-rules';

const container = Container.fromPartial({ name: 'web', hostConfig: { NetworkMode: 'bridge' } });
const lan = (sandboxNamespace: SandboxNamespace): Network =>
  Network.fromPartial({ id: 'l'.repeat(64), name: 'lan', driver: 'lan', sandboxNamespace });

it("asks the network's driver what it makes of a sandbox's namespace, not what the driver is called", () => {
  const connect = (kind: SandboxNamespace) => () => checkConnect('id', container, lan(kind), undefined);
  expect(connect(SandboxNamespace.SANDBOX_NAMESPACE_CONNECTED)).not.toThrow();
  expect(connect(SandboxNamespace.SANDBOX_NAMESPACE_HOST)).toThrow('cannot connect container to host network');
  expect(connect(SandboxNamespace.SANDBOX_NAMESPACE_ISOLATED)).toThrow('private (none) mode');
  const shared = { ...container, hostConfig: HostConfig.create({ NetworkMode: 'host' }) };
  expect(() => checkDisconnect('id', shared, lan(SandboxNamespace.SANDBOX_NAMESPACE_HOST))).toThrow(
    'cannot disconnect container from host',
  );
});
