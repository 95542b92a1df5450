import { runService } from '@gantry/service';
import { checkCommand } from './check/command';
import { readRegistryPassword } from './config';
import { service } from './service';
import { artifactCommand } from './transfer/artifact-command';

const [verb, ...rest] = process.argv.slice(2);
const ended = (code: number): void => void (process.exitCode = code);
if (verb === 'check') void checkCommand(rest, service.version).then(ended);
else if (verb === 'artifact') void artifactCommand(rest, readRegistryPassword()).then(ended);
else runService(service);
