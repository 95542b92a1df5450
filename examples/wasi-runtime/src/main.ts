import { TaskService } from '@gantry/api/containerd/task/v3/shim';
import { createServer, type Logger } from '@gantry/rpc';
import { taskSocket } from './config';
import { taskHandlers } from './handlers';

const line =
  (level: string) =>
  (...what: unknown[]): void =>
    console.log(level, ...what.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))));
const quiet = (): void => undefined;
const logger: Logger = { trace: quiet, debug: quiet, info: line('info'), warn: line('warn'), error: line('error') };

async function main(): Promise<void> {
  const path = taskSocket();
  const server = createServer({ logger, defaultNamespace: 'default' });
  const leave = (): void => void server.stop(1000).then(() => process.exit(0));
  server.addService(TaskService, taskHandlers(leave), { longCalls: ['wait'] });
  process.once('SIGTERM', leave);
  await server.listen(path);
  logger.info(`serves WASI tasks on ${path}`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
