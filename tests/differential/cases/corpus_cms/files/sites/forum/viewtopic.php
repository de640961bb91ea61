forum viewtopic.php
