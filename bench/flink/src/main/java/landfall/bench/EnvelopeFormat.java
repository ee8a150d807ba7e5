package landfall.bench;

import java.util.Set;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.formats.json.JsonFormatFactory;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DeserializationFormatFactory;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.types.DataType;

/**
 * The format {@code debezium-envelope}: Flink's own {@code json} reads Debezium's envelope, with its schema beside it, and
 * {@code op} becomes the kind of the row. Flink's {@code debezium-json} refuses an update without the row before it, which is
 * what Debezium writes of a table with the default replica identity.
 */
public final class EnvelopeFormat implements DeserializationFormatFactory {
    private final JsonFormatFactory json = new JsonFormatFactory();

    @Override
    public String factoryIdentifier() {
        return "debezium-envelope";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return json.requiredOptions();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return json.optionalOptions();
    }

    @Override
    public DecodingFormat<DeserializationSchema<RowData>> createDecodingFormat(
            DynamicTableFactory.Context context, ReadableConfig options) {
        return new Format(json.createDecodingFormat(context, options));
    }

    private record Format(DecodingFormat<DeserializationSchema<RowData>> json)
            implements DecodingFormat<DeserializationSchema<RowData>> {
        @Override
        public DeserializationSchema<RowData> createRuntimeDecoder(DynamicTableSource.Context context, DataType row) {
            var payload = DataTypes.ROW(
                    DataTypes.FIELD("before", row.nullable()),
                    DataTypes.FIELD("after", row.nullable()),
                    DataTypes.FIELD("op", DataTypes.STRING()));
            var record = DataTypes.ROW(DataTypes.FIELD("payload", payload)).notNull();
            var width = row.getLogicalType().getChildren().size();
            return new Envelopes(
                    json.createRuntimeDecoder(context, record), width, context.createTypeInformation(row));
        }

        /** As {@code debezium-json} has it; the row before an update never comes, and an upsert doesn't ask for it. */
        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.all();
        }
    }
}
