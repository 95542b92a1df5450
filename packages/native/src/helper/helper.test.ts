import { locateProgram } from '../locate';
import { Helper } from './helper';

test('runtimes are not told what the service manager said to the shim', async () => {
  process.env['NOTIFY_SOCKET'] = '/run/systemd/notify';
  process.env['WATCHDOG_USEC'] = '1';
  const helper = new Helper({ binary: locateProgram('gantry-native', __dirname), cgroups: [], logger: { warn: () => undefined } });
  try {
    await helper.start();
    const told = await helper.request('run', { argv: ['/usr/bin/env'], output: true });
    expect(told.output).toContain('PATH=');
    expect(told.output).not.toMatch(/NOTIFY_SOCKET|WATCHDOG/);
  } finally {
    delete process.env['NOTIFY_SOCKET'];
    delete process.env['WATCHDOG_USEC'];
    await helper.stop();
  }
});
