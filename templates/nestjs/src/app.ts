// The service: a module with its controllers, and hooks for start and stop.
import { BeforeApplicationShutdown, Controller, Get, Injectable, Module, Param, ServiceUnavailableException } from "@nestjs/common";

@Injectable()
export class State implements BeforeApplicationShutdown {
  ready = true;

  // Open requests are still answered after this hook.
  beforeApplicationShutdown(): void {
    this.ready = false;
  }
}

@Controller()
export class AppController {
  constructor(private readonly state: State) {}

  @Get("healthz")
  healthz(): { status: string } {
    if (!this.state.ready) throw new ServiceUnavailableException({ status: "stopping" });
    return { status: "ok" };
  }

  @Get("hello/:name")
  hello(@Param("name") name: string): { message: string } {
    return { message: `Hello, ${name}` };
  }
}

@Module({ controllers: [AppController], providers: [State] })
export class AppModule {}
