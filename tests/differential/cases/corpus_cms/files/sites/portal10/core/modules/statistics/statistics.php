portal10 core/modules/statistics/statistics.php
