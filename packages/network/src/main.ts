import { errorText } from '@gantry/rpc';
import { createLogger, loadConfig, readCommandLine, readEnvironment, runService } from '@gantry/service';
import { join } from 'node:path';
import { purge } from './compose';
import { networkService } from './spec';

const PURGE = '--purge';

/** `gantry-network --purge` takes the instance's networks out of the kernel and exits. */
async function purgeAndExit(argv: readonly string[]): Promise<void> {
  const config = loadConfig(
    networkService.name,
    networkService.defaults,
    readCommandLine(argv, networkService.flags ?? {}),
    readEnvironment(),
  );
  networkService.check?.(config);
  const logger = createLogger({ service: networkService.name, version: networkService.version, level: config['log-level'] });
  await purge({ config, logger, data: join(config.root, networkService.name) });
}

const argv = process.argv.slice(2);
if (argv.includes(PURGE)) {
  purgeAndExit(argv.filter((word) => word !== PURGE)).catch((error: unknown) => {
    process.stderr.write(`${networkService.binary}: ${errorText(error)}\n`);
    process.exitCode = 1;
  });
} else {
  runService(networkService, argv);
}
