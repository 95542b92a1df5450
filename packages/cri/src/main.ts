import { runService } from '@gantry/service';
import { service } from './service';

runService(service);
