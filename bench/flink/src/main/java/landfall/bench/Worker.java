package landfall.bench;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/**
 * Runs Flink jobs, one after the other, in this one JVM: {@code PUT /NAME} with SQL statements starts one, {@code DELETE
 * /NAME} cancels it. Arguments are the port and Flink's settings, as {@code parallelism.default=4}.
 */
public final class Worker {
    private final Configuration settings;
    private final Map<String, JobClient> jobs = new ConcurrentHashMap<>();

    private Worker(Configuration settings) {
        this.settings = settings;
    }

    public static void main(String[] arguments) throws IOException {
        var settings = new Configuration();
        for (int i = 1; i < arguments.length; i++) {
            var pair = arguments[i].split("=", 2);
            settings.setString(pair[0], pair[1]);
        }
        var worker = new Worker(settings);
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        var server = HttpServer.create(address, 0);
        server.createContext("/", worker::answer);
        server.start();
    }

    private void answer(HttpExchange exchange) throws IOException {
        var name = exchange.getRequestURI().getPath().substring(1);
        var body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        var said = "";
        try {
            switch (exchange.getRequestMethod()) {
                case "PUT" -> start(name, body);
                case "DELETE" -> cancel(name);
                default -> said = "ready";
            }
            respond(exchange, 200, said);
        } catch (Exception error) {
            error.printStackTrace();
            respond(exchange, 500, error.toString());
        }
    }

    private static void respond(HttpExchange exchange, int status, String text) throws IOException {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        try (var out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }

    /** Each statement ends with a semicolon at the end of its line; the last one is the job. */
    private void start(String name, String statements) {
        var tables = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
        TableResult result = null;
        for (var statement : statements.strip().split(";\\s*(\n|$)")) {
            result = tables.executeSql(statement);
        }
        var job = result.getJobClient().orElseThrow();
        jobs.put(name, job);
        job.getJobExecutionResult().whenComplete((done, error) -> {
            // one that was cancelled is no longer among them
            if (jobs.containsKey(name)) {
                System.err.println("the job " + name + " ended by itself");
                if (error != null) {
                    error.printStackTrace();
                }
                Runtime.getRuntime().halt(1);
            }
        });
    }

    private void cancel(String name) throws Exception {
        var job = jobs.remove(name);
        job.cancel().get();
        // that it was cancelled is told as a failure
        job.getJobExecutionResult().handle((done, error) -> done).get();
    }
}
