import { adoptInherited, createLogger, createNotifier, helpText, keepingAlive, readEnvironment, SpareMemory } from '@gantry/service';
import { readUpOptions, serviceConfig, upFlags } from './config';
import { hostServices } from './host';
import { watchServices } from './watch';

/** `gantry up`: the whole engine in the foreground, until SIGTERM or SIGINT. Containers live on after it. */
export async function up(argv: readonly string[], folder: string, version: string): Promise<void> {
  const options = readUpOptions(argv);
  if (options.help) {
    process.stdout.write(
      helpText(
        'gantry up',
        'runs the whole engine, in one process or watched as processes',
        upFlags,
        new Map([
          ['root', '/var/lib/gantry'],
          ['run', '/run/gantry'],
          ['config-dir', '/etc/gantry'],
          ['log-level', 'info'],
        ]),
      ),
    );
    return;
  }
  if (options.version) {
    process.stdout.write(`gantry ${version}\n`);
    return;
  }
  process.on('SIGHUP', () => undefined);
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    let told = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (told) process.exit(1);
        told = true;
        resolve(signal);
      });
    }
  });
  const environment = readEnvironment();
  await adoptInherited(environment);
  const notifier = await createNotifier(environment, createLogger({ service: 'gantry', version, level: 'warn' }));
  const host = await (options.separate ? watchServices(options, folder) : hostServices((spec) => serviceConfig(spec, options)));
  new SpareMemory().start();
  notifier.ready(`serving below ${options.run}`);
  await asked;
  notifier.stopping();
  await keepingAlive(() => host.stop());
  notifier.close();
  process.exit(0);
}
