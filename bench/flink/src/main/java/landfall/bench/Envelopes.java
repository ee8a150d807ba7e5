package landfall.bench;

import java.io.IOException;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.Collector;

/** Makes a row of some kind of each of Debezium's envelopes, which another schema reads. */
final class Envelopes implements DeserializationSchema<RowData> {
    private static final long serialVersionUID = 1;
    private static final int BEFORE = 0;
    private static final int AFTER = 1;
    private static final int OP = 2;

    private final DeserializationSchema<RowData> records;
    private final int width;
    private final TypeInformation<RowData> type;

    Envelopes(DeserializationSchema<RowData> records, int width, TypeInformation<RowData> type) {
        this.records = records;
        this.width = width;
        this.type = type;
    }

    @Override
    public void open(InitializationContext context) throws Exception {
        records.open(context);
    }

    @Override
    public void deserialize(byte[] message, Collector<RowData> out) throws IOException {
        var row = deserialize(message);
        if (row != null) {
            out.collect(row);
        }
    }

    /** Nothing of a tombstone: the delete before it has said all. */
    @Override
    public RowData deserialize(byte[] message) throws IOException {
        if (message == null) {
            return null;
        }
        var payload = records.deserialize(message).getRow(0, 3);
        var op = payload.getString(OP).toString();
        return switch (op) {
            case "r", "c" -> as(RowKind.INSERT, payload.getRow(AFTER, width));
            case "u" -> as(RowKind.UPDATE_AFTER, payload.getRow(AFTER, width));
            case "d" -> as(RowKind.DELETE, payload.getRow(BEFORE, width));
            default -> throw new IOException("an event of the kind " + op);
        };
    }

    private static RowData as(RowKind kind, RowData row) {
        row.setRowKind(kind);
        return row;
    }

    @Override
    public boolean isEndOfStream(RowData next) {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return type;
    }
}
