import { isatty } from 'node:tty';
import { errorText } from '@gantry/rpc';
import {
  adoptInherited,
  createLogger,
  createNotifier,
  exitCodeOf,
  giveUp,
  readEnvironment,
  SpareMemory,
  keepingAlive,
} from '@gantry/service';
import { proxyEnvironment } from '../config';
import { hostServices } from '../host';
import { dockerdServices } from '../services';
import { type Flags, readCommandLine } from './command-line';
import { withoutPasswords } from './daemon-json';
import { refuseForeignRoot } from './data-root';
import { listenEarly } from './early-hosts';
import { dockerdHelp } from './help';
import { textLog } from './log-text';
import { writePidFile } from './pid-file';
import { overriddenProxies } from './proxies';
import { configOfPlan } from './service-config';
import { refuseTwoAddresses } from './make-plan';
import { readSettings, reloadSettings, type Settings } from './settings';
import { untilSignal } from './signals';

/** `gantry dockerd`: the engine in dockerd's place, until SIGTERM. Everything that is wrong with the command line or the file ends it with 1 before anything is made. */
export async function dockerd(argv: readonly string[], version: string): Promise<void> {
  let flags: Flags;
  let settings: Settings;
  try {
    flags = readCommandLine(argv);
    if (flags.get('help') === true) return void process.stdout.write(dockerdHelp());
    if (flags.get('version') === true) return void process.stdout.write(`Docker version ${version}, build gantry\n`);
    settings = readSettings(flags);
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exitCode = 1;
    return;
  }
  if (flags.get('validate') === true) return void process.stderr.write('configuration OK\n');
  try {
    await run(settings, version);
  } catch (error) {
    process.stderr.write(`failed to start daemon: ${errorText(error)}\n`);
    await giveUp(exitCodeOf(error), readEnvironment());
  }
}

async function run(first: Settings, version: string): Promise<void> {
  const { plan } = first;
  let settings = first;
  const options = plan.logFormat === 'json' ? {} : { destination: textLog(undefined, isatty(2) && !plan.rawLogs) };
  const logger = createLogger({ service: 'dockerd', version, level: plan.logLevel, ...options });
  refuseTwoAddresses(plan);
  refuseForeignRoot(plan.root);
  const environment = readEnvironment();
  await adoptInherited(environment);
  const removePidFile = writePidFile(plan.pidFile);
  try {
    for (const note of plan.notes) logger.info(note);
    for (const { name, old, chosen } of overriddenProxies(plan, proxyEnvironment()))
      logger.warn({ name, 'old-value': old, 'new-value': chosen }, 'overriding existing proxy variable with value from configuration');
    const notifier = await createNotifier(environment, logger);
    const signals = untilSignal({ logger, reportFolder: plan.run });
    const hosts = plan.services.gateway['hosts'] as readonly string[];
    const unlisten = await listenEarly(hosts);
    const host = await hostServices(configOfPlan(plan), options, dockerdServices).catch(async (error: unknown) => {
      await unlisten();
      throw error;
    });
    new SpareMemory().start();
    logger.info('Daemon has completed initialization');
    for (const address of hosts) logger.info(`API listen on ${address.replace(/^unix:\/\//, '')}`);
    notifier.ready(`serving below ${plan.run}`);
    signals.onReload(async () => {
      logger.info(`Got signal to reload configuration, reloading from: ${settings.file}`);
      const changed = reloadSettings(settings);
      await host.reload(configOfPlan(changed.plan));
      settings = changed;
      logger.level = changed.plan.logLevel;
      logger.info(`Reloaded configuration: ${withoutPasswords(JSON.stringify(Object.fromEntries([...changed.flags, ...changed.keys])))}`);
    });
    await signals.asked;
    notifier.stopping();
    await keepingAlive(() => host.stop());
    notifier.close();
    logger.info('Daemon shutdown complete');
  } finally {
    removePidFile();
  }
  process.exit(0);
}
