import { runService } from '@gantry/service';
import { shimService } from './service';

runService(shimService);
