import { runService } from '@gantry/service';
import { checkCommand } from './check/command';
import { service } from './service';

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'check') void checkCommand(rest, service.version).then((code) => (process.exitCode = code));
else runService(service);
